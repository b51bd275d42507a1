"""What the scorer and an entry script say to each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from inference.request import Request

Header = tuple[str, str]
#: A user's `run`, and what it is called with.
Run = Callable[..., Any]
Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """All that decides a prediction, next to the model and the script.

    `payload` is the script's own: rows of numbers, or the arguments of `run`.
    """

    payload: Any
    #: The payload's own bytes, not a copy.
    data: memoryview
    dtype: str
    shape: tuple[int, ...]
    #: False where more than `data` decides the answer: it is then computed anew every time.
    cacheable: bool = True


@dataclass(frozen=True, slots=True)
class Reply:
    """A response that a script made itself, with its own status, type and bytes. Never stored."""

    body: bytes
    content_type: str
    status: int
    #: All but the content type; a name may recur.
    headers: tuple[Header, ...] = ()


class Script(Protocol):
    """What the scorer asks of an entry script. All but `load` need it loaded."""

    model: bytes
    digest: bytes
    method: str
    #: Whether it takes rows in one of media_types.FORMATS; otherwise any bytes of any type.
    reads_rows: bool

    def load(self) -> None:
        """Slow, once, in the model's thread. Raises ModelUnavailable."""
        ...

    def question(self, request: Request) -> Question:
        """Raises CallerError."""
        ...

    def run(self, question: Question) -> bytes | Reply:
        """The answer, as JSON or ready-made. Slow, in the model's thread.

        Raises OperatorError, or UnfitInput where the script's own schema refuses the input.
        """
        ...
