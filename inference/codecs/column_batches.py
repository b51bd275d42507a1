"""The rows of a Parquet file or an Arrow stream, batch by batch, each of a size that was checked.

Whatever a body claims of itself, it takes no more memory than it may.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from inference import media_types
from inference.codecs import column_types, parquet_layout
from inference.codecs.arrow_messages import Messages
from inference.codecs.parquet_layout import Group
from inference.errors import InputTooLarge, MalformedInput
from inference.limits import rows_in_part

#: Of a Parquet file with more columns, so many are read at the same time.
COLUMNS_AT_ONCE = 512


def of_arrow(source: BinaryIO, *, max_bytes: int) -> Iterator[pa.RecordBatch]:
    """The rows of an Arrow stream, whose batches have at most `max_bytes` each, in parts.

    Raises CallerError.
    """
    with _said_by_pyarrow(media_types.ARROW):
        stream = pa.ipc.open_stream(Messages(source, max_bytes))
        str(stream.schema.names)  # they may be no UTF-8
        for batch in stream:
            batch.validate(full=True)  # offsets may point anywhere
            yield from column_types.cut(batch)


def of_parquet(
    body: bytes, names: Sequence[str] | None, *, max_rows: int | None, max_bytes: int
) -> Iterator[pa.RecordBatch]:
    """The rows of a Parquet file, of each row group at most `max_bytes`, in parts.

    Raises CallerError.

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
        groups = parquet_layout.groups(body)
        count = _checked_count(groups, max_rows, max_bytes)
        file = pq.ParquetFile(source, **options)
        fields = {
            field.name: field.type
            for field in file.schema_arrow
            if names is None or field.name in names
        }
        column_types.require_flat(fields)
        rows = rows_in_part(len(fields), cells=column_types.PART_CELLS)
        column_types.check_cells(min(count, rows) * len(fields), max_bytes)
        leaves = [file.schema.column(index).path for index in range(len(file.schema))]
        for group in groups:
            _check_pages(body, group, leaves, fields, max_bytes)
        # As dictionaries, texts take no more room than in the file.
        texts = [name for name, kind in fields.items() if column_types.is_variable(kind)]
        file = pq.ParquetFile(source, metadata=file.metadata, read_dictionary=texts, **options)
        for batch in _batches(file, groups, list(fields), rows, max_bytes):
            for part in column_types.cut(batch):
                restored = _restored(part, fields)
                restored.validate(full=True)  # texts may be no UTF-8
                yield restored


def _batches(
    file: pq.ParquetFile, groups: Sequence[Group], names: list[str], rows: int, room: int
) -> Iterator[pa.RecordBatch]:
    """The rows of a file; of many columns a whole row group, as pyarrow takes 60 KB for each column
    that it reads at the same time. Raises InputTooLarge.
    """
    if len(names) <= COLUMNS_AT_ONCE:
        yield from file.iter_batches(rows, columns=names, use_threads=False)
        return
    for number, group in enumerate(groups):
        column_types.check_cells(group.rows * len(names), room)
        columns: dict[str, pa.Array] = {}
        for start in range(0, len(names), COLUMNS_AT_ONCE):
            some = names[start : start + COLUMNS_AT_ONCE]
            table = file.read_row_group(number, columns=some, use_threads=False)
            for name in table.column_names:
                columns[name] = table.column(name).combine_chunks()
        yield from pa.table(columns).to_batches()


def _checked_count(groups: Iterable[Group], max_rows: int | None, max_bytes: int) -> int:
    count = sum(group.rows for group in groups)
    limit, setting = (max_bytes, "MAX_BODY_BYTES") if max_rows is None else (max_rows, "MAX_ROWS")
    if count > limit:
        raise InputTooLarge(size=count, limit=limit, unit="rows", setting=setting)
    return count


def _check_pages(
    body: bytes, group: Group, leaves: Sequence[str], names: Iterable[str], room: int
) -> None:
    if len(group.chunks) != len(leaves):
        raise MalformedInput("the Parquet file's row groups have other columns than its schema")
    for leaf, chunk in zip(leaves, group.chunks, strict=True):
        # pyarrow reads all that begins like one of the names, too.
        if any(f"{leaf}.".startswith(f"{name}.") for name in names):
            room -= parquet_layout.unpacked(body, chunk, leaf, room)


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
