"""The rows of a Parquet file or an Arrow stream, batch by batch, each of a size that was checked.

Whatever a body claims of itself, it takes no more memory than it may.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from inference.errors import InputTooLarge, MalformedInput
from inference.limits import rows_per_part
from inference.rows import media_types
from inference.rows.codecs import column_types, parquet_layout
from inference.rows.codecs.arrow_messages import Messages, Source
from inference.rows.codecs.parquet_layout import Body, Group

#: A row group of no more is read some columns at a time: so many, or of so many bytes.
GROUP_BYTES = 96 * 1024 * 1024
COLUMNS_AT_ONCE, COLUMNS_BYTES = 256, 8 * 1024 * 1024


def of_arrow(source: Source, *, max_bytes: int) -> Iterator[pa.RecordBatch]:
    """The rows of an Arrow stream, whose batches have at most `max_bytes` each, in parts.

    Raises CallerError.
    """
    with _said_by_pyarrow(media_types.ARROW):
        stream = pa.ipc.open_stream(Messages(source, max_bytes))
        str(stream.schema.names)  # they may be no UTF-8
        for batch in stream:
            batch.validate(full=True)  # offsets may point anywhere
            yield from column_types.cut(batch)


class ParquetBody:
    """The rows of a Parquet file, of each row group at most `max_bytes`. Raises CallerError.

    `names`: the columns to unpack; None means all. Without `max_rows` there may be one for each
    of `max_bytes`: equal rows need no room of their own.
    """

    def __init__(
        self, body: Body, names: Sequence[str] | None, *, max_rows: int | None, max_bytes: int
    ) -> None:
        self._body, self._max_bytes = body, max_bytes
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
            self._groups = parquet_layout.groups(body)
            count = _checked_count(self._groups, max_rows, max_bytes)
            file = pq.ParquetFile(source, **options)
            #: The types of the columns, by name.
            self.fields = {
                field.name: field.type
                for field in file.schema_arrow
                if names is None or field.name in names
            }
            self._check(file, count)
            # As dictionaries, texts take no more room than in the file.
            texts = [name for name, kind in self.fields.items() if column_types.is_variable(kind)]
            self._file = pq.ParquetFile(
                source, metadata=file.metadata, read_dictionary=texts, **options
            )

    def parts(self, names: Iterable[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows of some columns, or of all, part by part. Raises CallerError."""
        fields = {name: self.fields[name] for name in (self.fields if names is None else names)}
        with _said_by_pyarrow(media_types.PARQUET):
            for batch in _batches(self._file, self._body, self._groups, fields, self._max_bytes):
                for part in column_types.cut(batch):
                    restored = _restored(part, fields)
                    restored.validate(full=True)  # texts may be no UTF-8
                    yield restored

    def _check(self, file: pq.ParquetFile, count: int) -> None:
        fields, limit = self.fields, self._max_bytes
        column_types.require_flat(fields)
        rows = rows_per_part(len(fields), cells=column_types.PART_CELLS)
        column_types.check_cells(min(count, rows) * len(fields), limit)
        leaves = [file.schema.column(index).path for index in range(len(file.schema))]
        for group in self._groups:
            _check_pages(self._body, group, leaves, fields, limit)
        _let_go(self._body)


def _batches(
    file: pq.ParquetFile,
    body: Body,
    groups: Sequence[Group],
    kinds: Mapping[str, pa.DataType],
    max_bytes: int,
) -> Iterator[pa.RecordBatch]:
    """The rows of a file. A row group is read some columns at a time where all of it has room, as
    pyarrow holds a page or two of each column that it reads at the same time.
    """
    names, width = list(kinds), sum(map(column_types.cell_bytes, kinds.values()))
    rows = rows_per_part(len(kinds), cells=column_types.PART_CELLS)
    # Of a body in memory, what is read is held beside it and beside the rows made of it.
    in_parts = isinstance(body, bytes) and len(names) <= COLUMNS_AT_ONCE
    room = 0 if in_parts else min(GROUP_BYTES, max_bytes)
    for number, group in enumerate(groups):
        size = group.rows * width
        if size > room:
            batches = file.iter_batches(rows, [number], names, use_threads=False)
        else:
            step = max(1, COLUMNS_BYTES * len(names) // max(1, size))
            batches = _by_columns(file, body, number, names, min(step, COLUMNS_AT_ONCE))
        for batch in batches:
            yield batch
            _let_go(body)


def _by_columns(
    file: pq.ParquetFile, body: Body, group: int, names: list[str], step: int
) -> Iterator[pa.RecordBatch]:
    columns: dict[str, pa.Array] = {}
    for start in range(0, len(names), step):
        table = file.read_row_group(group, names[start : start + step], use_threads=False)
        for name in table.column_names:
            columns[name] = table.column(name).combine_chunks()
        _let_go(body)
    yield from pa.table(columns, metadata=file.schema_arrow.metadata).to_batches()


def _let_go(body: Body) -> None:
    """What was read of a file need not stay in memory."""
    if isinstance(body, mmap.mmap):
        body.madvise(mmap.MADV_DONTNEED)


def _checked_count(groups: Iterable[Group], max_rows: int | None, max_bytes: int) -> int:
    count = sum(group.rows for group in groups)
    limit, setting = (max_bytes, "MAX_BODY_BYTES") if max_rows is None else (max_rows, "MAX_ROWS")
    if count > limit:
        raise InputTooLarge(size=count, limit=limit, unit="rows", setting=setting)
    return count


def _check_pages(
    body: Body, group: Group, leaves: Sequence[str], names: Iterable[str], room: int
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
