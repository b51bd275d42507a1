"""The interface of entry scripts: a script parses a request into a question and answers it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Buffer, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from inference.output_choice import PREDICTIONS, Output
from inference.request import Request
from inference.rows.body_memory import Extent

Header = tuple[str, str]
#: A user's `run`, and what it is called with.
Run = Callable[..., Any]
Arguments = Mapping[str, Any]


class NotCached(bytes):
    """An answer that must not be stored: the script reports a failure with it."""


@dataclass(frozen=True, slots=True)
class Question:
    """A parsed request that is answered as a whole.

    With the model and the script it determines the answer, unless it is not `cacheable`.
    """

    #: For the script that made it: rows of numbers, or the arguments of `run`.
    payload: Any
    #: The bytes of the payload, not a copy.
    data: memoryview
    dtype: str
    shape: tuple[int, ...]
    #: False if the answer depends on more than `data`, so that it must not be stored.
    cacheable: bool = True
    #: How many rows the payload has; 1 for a user's script.
    rows: int = 1
    #: What the caller asks for. It is part of the dtype.
    output: Output = PREDICTIONS


class RowQuestion(ABC):
    """A parsed request of independent rows: a row's answer does not depend on the other rows."""

    #: Questions with the same dtype and row shape can be joined.
    dtype: str
    #: Of a single row.
    row_shape: tuple[int, ...]
    cacheable = True
    #: Whether an answer to a row may be NotCached.
    may_fail = False
    #: What the caller asks for. It is part of the dtype.
    output: Output = PREDICTIONS

    @abstractmethod
    def __len__(self) -> int:
        """How many rows."""

    @abstractmethod
    def row_bytes(self) -> Sequence[Buffer]:
        """For each row, bytes that only an equal row has."""

    @abstractmethod
    def take(self, rows: Sequence[int]) -> Self:
        """A question of these rows only."""

    @abstractmethod
    def join(self, others: Sequence[Self]) -> Self:
        """A question of the rows of this one, followed by those of the others."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete response that a script made itself. Never stored."""

    body: bytes
    content_type: str
    status: int
    #: All but the content type; names may repeat.
    headers: tuple[Header, ...] = ()


class Script(Protocol):
    """What the scorer needs of an entry script."""

    #: Digest of the model's files.
    model: bytes
    #: Digest of the script.
    digest: bytes
    #: Of the estimator: `predict`, `predict_proba` or the like.
    method: str
    #: What else an answer depends on: the framework's version, the types of the columns.
    parameters: str
    #: Whether it takes rows in one of media_types.FORMATS. Otherwise it takes any body of any type.
    reads_rows: bool
    #: Whether only library code runs for rows, so that a fast call is followed by fast calls.
    library_only: bool
    #: Whether `parse` works before `load`, so that stored rows can be answered at once.
    parses_unloaded: bool

    def memory_of(self, extent: Extent) -> int:
        """Bytes of memory for a body and everything made of it."""
        ...

    def load(self) -> None:
        """Called once, in the model thread; slow. Raises ModelUnavailable."""
        ...

    def parse(self, request: Request) -> Question | RowQuestion:
        """Raises CallerError."""
        ...

    def run(self, question: Question) -> bytes | Reply:
        """The answer, as JSON or as a complete response. Called in the model thread; slow.

        Raises OperatorError, or UnfitInput if the script's own schema refuses the input.
        """
        ...

    def run_rows(self, question: Any) -> list[bytes]:
        """The answer to each row of a RowQuestion that the script made, as JSON. Like `run`."""
        ...
