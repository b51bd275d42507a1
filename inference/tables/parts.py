"""What all tables are made of: parts of consecutive rows, each with what became of it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from inference.errors import CallerError, InputTooLarge, MalformedInput
from inference.limits import Limits
from inference.rows import Rows

#: What is asked of a source at a time.
READ_BYTES = 1024 * 1024

#: A prediction, or why there is none.
Outcome = tuple[Any, CallerError | None]


@dataclass(frozen=True, slots=True)
class Part:
    """Consecutive rows: as the model takes them, and as they came."""

    fitted: Rows
    #: Something with a length; the rest is the table's own affair.
    originals: Any

    def outcomes(self, predictions: Sequence[Any]) -> Iterator[Outcome]:
        """For each row its prediction or its error."""
        predicted = iter(predictions)
        for index in range(len(self.originals)):
            error = self.fitted.errors.get(index)
            yield None if error else next(predicted), error


class Table(Protocol):
    """One format, both ways. All methods block."""

    def parts(self) -> Iterator[Part]:
        """The rows, in order. Raises CallerError where the whole input is unfit."""
        ...

    def write(self, part: Part, predictions: Sequence[Any]) -> bytes:
        """A part with its predictions, one for each row that fits; some of it may come later."""
        ...

    def end(self) -> Iterator[bytes]:
        """What is left to write after the last part."""
        return iter(())


def read_whole(source: BinaryIO, limits: Limits) -> bytes:
    """All of a source that must fit into memory. Raises InputTooLarge."""
    body = io.BytesIO()
    while content := source.read(READ_BYTES):
        body.write(content)
        if body.tell() > limits.body_bytes:
            raise InputTooLarge(
                size=body.tell(),
                limit=limits.body_bytes,
                unit="bytes",
                setting="MAX_BODY_BYTES",
                at_least=True,
            )
    return body.getvalue()


def read_rows(source: BinaryIO, limits: Limits) -> bytes:
    """As read_whole; raises MalformedInput too: nothing is something only to a user's script."""
    body = read_whole(source, limits)
    if not body:
        raise MalformedInput("the blob is empty")
    return body
