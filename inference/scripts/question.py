"""What the scorer and an entry script say to each other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Buffer, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from inference.request import Request

Header = tuple[str, str]
#: A user's `run`, and what it is called with.
Run = Callable[..., Any]
Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """All that decides a prediction, next to the model and the script; answered as a whole.

    `payload` is the script's own: rows of numbers, or the arguments of `run`.
    """

    payload: Any
    #: The payload's own bytes, not a copy.
    data: memoryview
    dtype: str
    shape: tuple[int, ...]
    #: False where more than `data` decides the answer: it is then computed anew every time.
    cacheable: bool = True
    #: How many rows the payload has; a user's script is asked for one thing.
    rows: int = 1


class RowQuestion(ABC):
    """A question whose rows are independent: each is answered as if it had come alone."""

    #: Only questions of one dtype and one shape of a row can be joined.
    dtype: str
    #: Of one row.
    row_shape: tuple[int, ...]
    cacheable = True

    @abstractmethod
    def __len__(self) -> int:
        """How many rows."""

    @abstractmethod
    def row_bytes(self) -> Sequence[Buffer]:
        """Of each row, bytes that only an equal row has."""

    @abstractmethod
    def take(self, rows: Sequence[int]) -> Self:
        """The question of these rows alone."""

    @abstractmethod
    def join(self, others: Sequence[Self]) -> Self:
        """One question of this one's rows and then the others'."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A response that a script made itself, with its own status, type and bytes. Never stored."""

    body: bytes
    content_type: str
    status: int
    #: All but the content type; a name may recur.
    headers: tuple[Header, ...] = ()


class Script(Protocol):
    """What the scorer asks of an entry script."""

    model: bytes
    digest: bytes
    method: str
    #: What else decides an answer: the framework's version, the columns' types.
    parameters: str
    #: Whether it takes rows in one of media_types.FORMATS; otherwise any bytes of any type.
    reads_rows: bool
    #: Whether no code runs for its rows but a library's: what took a moment takes a moment again.
    library_only: bool
    #: Whether `question` works before `load` has: what is stored can then be answered at once.
    parses_unloaded: bool

    @property
    def memory_per_byte(self) -> int:
        """Bytes of memory that a byte of a body takes, together with what is made of it."""
        ...

    def load(self) -> None:
        """Slow, once, in the model's thread. Raises ModelUnavailable."""
        ...

    def parse(self, request: Request) -> Question | RowQuestion:
        """Raises CallerError."""
        ...

    def run(self, question: Question) -> bytes | Reply:
        """The answer, as JSON or ready-made. Slow, in the model's thread.

        Raises OperatorError, or UnfitInput where the script's own schema refuses the input.
        """
        ...

    def run_rows(self, question: Any) -> list[bytes]:
        """The answer to each row of a RowQuestion of its own, as JSON. As slow, as `run`."""
        ...
