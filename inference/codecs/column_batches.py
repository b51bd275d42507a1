"""The rows of a Parquet file or an Arrow stream, batch by batch, each of a size that was checked.

Whatever a body claims of itself, it takes no more memory than it may.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from inference import media_types
from inference.codecs import column_types, parquet_pages
from inference.codecs.arrow_messages import Messages
from inference.errors import InputTooLarge, MalformedInput

#: Of a Parquet file; a stream's batches are what they were when they were written.
BATCH_ROWS = 1_000


def of_arrow(source: BinaryIO, *, max_bytes: int) -> Iterator[pa.RecordBatch]:
    """The batches of an Arrow stream, each of at most `max_bytes`. Raises CallerError."""
    with _said_by_pyarrow(media_types.ARROW):
        for batch in pa.ipc.open_stream(Messages(source, max_bytes)):
            batch.validate(full=True)  # offsets may point anywhere
            yield batch


def of_parquet(
    body: bytes, names: Sequence[str] | None, *, max_rows: int | None, max_bytes: int
) -> Iterator[pa.RecordBatch]:
    """The rows of a Parquet file, of each row group at most `max_bytes`. Raises CallerError.

    `names`: the columns to unpack; None means all. Without `max_rows` there may be one for each
    of `max_bytes`: equal rows need no room of their own.
    """
    with _said_by_pyarrow(media_types.PARQUET):
        source = pa.BufferReader(body)
        options = {
            "pre_buffer": False,
            # Extension types would be unpacked as what they stand for.
            "arrow_extensions_enabled": False,
            # No list or text of the footer can be longer than the whole.
            "thrift_string_size_limit": len(body) + 1,
            "thrift_container_size_limit": len(body) + 1,
        }
        file = pq.ParquetFile(source, **options)
        fields = {
            field.name: field.type
            for field in file.schema_arrow
            if names is None or field.name in names
        }
        column_types.require_flat(fields)
        count = _checked_count(file.metadata, max_rows, max_bytes)
        column_types.check_cells(min(count, BATCH_ROWS) * len(fields), max_bytes)
        _check_pages(body, file.metadata, fields, max_bytes)
        # As dictionaries, texts take no more room than in the file.
        texts = [name for name, kind in fields.items() if column_types.is_variable(kind)]
        file = pq.ParquetFile(source, metadata=file.metadata, read_dictionary=texts, **options)
        for batch in file.iter_batches(BATCH_ROWS, columns=list(fields), use_threads=False):
            column_types.check_room(batch, max_bytes)
            restored = _restored(batch, fields)
            restored.validate(full=True)  # texts may be no UTF-8
            yield restored


def _checked_count(metadata: Any, max_rows: int | None, max_bytes: int) -> int:
    counts = [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]
    if min(counts, default=0) < 0:
        raise MalformedInput("the Parquet file's footer promises less than no rows")
    limit, setting = (max_bytes, "MAX_BODY_BYTES") if max_rows is None else (max_rows, "MAX_ROWS")
    if sum(counts) > limit:
        raise InputTooLarge(size=sum(counts), limit=limit, unit="rows", setting=setting)
    return sum(counts)


def _check_pages(body: bytes, metadata: Any, names: Iterable[str], max_bytes: int) -> None:
    for number in range(metadata.num_row_groups):
        group, room = metadata.row_group(number), max_bytes
        for index in range(group.num_columns):
            chunk = group.column(index)
            # pyarrow reads all that begins like one of the names, too.
            if any(f"{chunk.path_in_schema}.".startswith(f"{name}.") for name in names):
                room -= parquet_pages.unpacked(body, chunk, room)


def _restored(batch: pa.RecordBatch, fields: Mapping[str, pa.DataType]) -> pa.RecordBatch:
    """With the types that the columns had when the file was written."""
    columns = {
        name: _as(column, fields[name])
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
        if name in fields
    }
    return pa.RecordBatch.from_pydict(columns, metadata=batch.schema.metadata)


def _as(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if column.type == kind:
        return column
    return column.cast(column_types.plain(column.type)).cast(kind)


@contextmanager
def _said_by_pyarrow(form: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        told = str(error).partition("\n")[0][:200]
        raise MalformedInput(f"the body can't be read as {form}: {told}") from error
