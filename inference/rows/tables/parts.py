"""What all tables are made of: parts of consecutive rows, each with what became of it."""

from __future__ import annotations

import io
import mmap
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from inference.errors import CallerError, InputTooLarge, MalformedInput
from inference.limits import Limits
from inference.rows.row_types import Rows

#: What is asked of a source at a time.
READ_BYTES = 1024 * 1024

#: A prediction, or why there is none.
Outcome = tuple[Any, CallerError | None]


@dataclass(frozen=True, slots=True)
class Part:
    """Consecutive rows: as the model takes them, and as they came."""

    coerced: Rows
    #: Something with a length; the rest is the table's own affair.
    originals: Any

    def outcomes(self, predictions: Sequence[Any]) -> Iterator[Outcome]:
        """For each row its prediction or its error."""
        predicted = iter(predictions)
        for index in range(len(self.originals)):
            error = self.coerced.errors.get(index)
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
    _copy(source, body, limits)
    return body.getvalue()


def read_file(source: BinaryIO, limits: Limits) -> mmap.mmap:
    """As read_rows, into a file that goes with what is returned: no memory of this process."""
    with tempfile.TemporaryFile() as file:
        _copy(source, file, limits)
        _require_some(file.tell())
        file.flush()
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def read_rows(source: BinaryIO, limits: Limits) -> bytes:
    """As read_whole; raises MalformedInput too: nothing is something only to a user's script."""
    body = read_whole(source, limits)
    _require_some(len(body))
    return body


def _require_some(size: int) -> None:
    if not size:
        raise MalformedInput("the blob is empty")


def _copy(source: BinaryIO, body: BinaryIO, limits: Limits) -> None:
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
