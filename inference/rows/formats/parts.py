"""Parts of a table: consecutive rows with their predictions or errors."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any, BinaryIO, Literal, Protocol

from inference.errors import CallerError, InputTooLarge, InternalError, MalformedInput
from inference.limits import Limits
from inference.rows.row_types import Rows

#: Bytes read from a source at a time.
READ_BYTES = 1024 * 1024

#: Of CSV: whether it has one.
HeaderLine = Literal["present", "absent"]

#: A prediction, or why there is none.
Outcome = tuple[Any, CallerError | None]


@dataclass(frozen=True, slots=True)
class Part:
    """Consecutive rows, in the model's types and as they came."""

    coerced: Rows
    #: The rows as they came, in the table's own form; its length is their number.
    originals: Any
    #: What a table must know of the input to resume after this part, in JSON's types; None if
    #: none can resume here.
    end: dict[str, Any] | None = None

    def outcomes(self, predictions: Sequence[Any]) -> Iterator[Outcome]:
        """For each row its prediction or its error."""
        predicted = iter(predictions)
        for index in range(len(self.originals)):
            error = self.coerced.errors.get(index)
            yield None if error else next(predicted), error


class Table(Protocol):
    """One format, both ways. All methods block."""

    #: Whether the first line names the columns; None for a format without such a line, and before
    #: the first part is read.
    header: HeaderLine | None = None

    def parts(self) -> Iterator[Part]:
        """The rows, in order. Raises CallerError if the whole input is unfit."""
        ...

    def write(self, part: Part, predictions: Sequence[Any]) -> bytes:
        """Output for a part. `predictions`: one per row that fits. Some output may come later."""
        ...

    def end(self) -> Iterator[bytes]:
        """The output after the last part."""
        return iter(())

    def state_after(self, part: Part) -> dict[str, Any] | None:  # noqa: ARG002 - few formats have one
        """What a table must know to resume after the part that was written last, in JSON's types.

        None if no table can resume there.
        """
        return None

    def resume(self, state: dict[str, Any]) -> None:  # noqa: ARG002 - few formats can
        """Read and write from `state` on. Called before `parts`, on a table of the same input."""
        raise InternalError(f"{type(self).__name__} can't resume")


def read_whole(source: BinaryIO, limits: Limits) -> bytes:
    """A whole source, in memory. Raises InputTooLarge."""
    body = io.BytesIO()
    _copy(source, body, limits)
    return body.getvalue()


def temporary_copy(source: BinaryIO) -> IO[bytes]:
    """A source in a temporary file, which has a name and is deleted when it is closed."""
    file = tempfile.NamedTemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        _copy(source, file, None)
        _require_some(file.tell())
        file.flush()
    except BaseException:
        file.close()
        raise
    return file


def read_rows(source: BinaryIO, limits: Limits) -> bytes:
    """As read_whole, but raises MalformedInput for an empty source."""
    body = read_whole(source, limits)
    _require_some(len(body))
    return body


def _require_some(size: int) -> None:
    if not size:
        raise MalformedInput("the blob is empty")


def _copy(source: BinaryIO, body: IO[bytes], limits: Limits | None) -> None:
    while content := source.read(READ_BYTES):
        body.write(content)
        if limits is not None and body.tell() > limits.body_bytes:
            raise InputTooLarge(
                size=body.tell(),
                limit=limits.body_bytes,
                unit="bytes",
                setting="MAX_BODY_BYTES",
                at_least=True,
            )
