"""The rows of a Parquet file or an Arrow stream, in batches whose size is checked before they are
unpacked. No body takes more memory than the limits allow, whatever it claims.
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
from inference.rows.formats import column_types, parquet_layout
from inference.rows.formats.arrow_messages import Messages, Source
from inference.rows.formats.parquet_layout import Body, Group

#: A row group of at most GROUP_BYTES is read some columns at a time, by number and by bytes.
GROUP_BYTES = 96 * 1024 * 1024
COLUMNS_AT_ONCE, COLUMNS_BYTES = 256, 8 * 1024 * 1024


def of_arrow(source: Source, *, max_bytes: int) -> Iterator[pa.RecordBatch]:
    """The rows of an Arrow stream in parts. Its batches may have `max_bytes` each.

    Raises CallerError.
    """
    with _translate_errors(media_types.ARROW):
        stream = pa.ipc.open_stream(Messages(source, max_bytes))
        str(stream.schema.names)  # raises if they are not UTF-8
        for batch in stream:
            batch.validate(full=True)  # offsets may point anywhere
            yield from column_types.cut(batch)


class ParquetBody:
    """The rows of a Parquet file, whose row groups may have `max_bytes` each. Raises CallerError.

    `names`: the columns to unpack; None means all. Without `max_rows` the file may have
    `max_bytes` rows, since equal rows take almost no bytes.
    """

    def __init__(
        self, body: Body, names: Sequence[str] | None, *, max_rows: int | None, max_bytes: int
    ) -> None:
        self._body, self._max_bytes = body, max_bytes
        with _translate_errors(media_types.PARQUET):
            source = pa.BufferReader(body)
            options = {
                "pre_buffer": False,
                # pyarrow would unpack extension types as their storage type.
                "arrow_extensions_enabled": False,
                # No list or text of the footer can be longer than the file.
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
            # As dictionaries, texts take no more memory than in the file.
            texts = [name for name, kind in self.fields.items() if column_types.is_variable(kind)]
            self._file = pq.ParquetFile(
                source, metadata=file.metadata, read_dictionary=texts, **options
            )

    def parts(self, names: Iterable[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows of some columns, or of all, part by part. Raises CallerError."""
        fields = {name: self.fields[name] for name in (self.fields if names is None else names)}
        with _translate_errors(media_types.PARQUET):
            for batch in _batches(self._file, self._body, self._groups, fields, self._max_bytes):
                for part in column_types.cut(batch):
                    restored = _restore_types(part, fields)
                    restored.validate(full=True)  # texts may not be UTF-8
                    yield restored

    def _check(self, file: pq.ParquetFile, count: int) -> None:
        fields, limit = self.fields, self._max_bytes
        column_types.require_flat(fields)
        rows = rows_per_part(len(fields), cells=column_types.PART_CELLS)
        column_types.check_cells(min(count, rows) * len(fields), limit)
        leaves = [file.schema.column(index).path for index in range(len(file.schema))]
        for group in self._groups:
            _check_pages(self._body, group, leaves, fields, limit)
        _drop_pages(self._body)


def _batches(
    file: pq.ParquetFile,
    body: Body,
    groups: Sequence[Group],
    kinds: Mapping[str, pa.DataType],
    max_bytes: int,
) -> Iterator[pa.RecordBatch]:
    """The rows of a file. A row group that fits into memory is read some columns at a time, because
    pyarrow holds a page or two of each column that it reads at the same time.
    """
    names, width = list(kinds), sum(map(column_types.cell_bytes, kinds.values()))
    rows = rows_per_part(len(kinds), cells=column_types.PART_CELLS)
    # A body in memory is held beside its pages and the rows made of them.
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
            _drop_pages(body)


def _by_columns(
    file: pq.ParquetFile, body: Body, group: int, names: list[str], step: int
) -> Iterator[pa.RecordBatch]:
    columns: dict[str, pa.Array] = {}
    for start in range(0, len(names), step):
        table = file.read_row_group(group, names[start : start + step], use_threads=False)
        for name in table.column_names:
            columns[name] = table.column(name).combine_chunks()
        _drop_pages(body)
    yield from pa.table(columns, metadata=file.schema_arrow.metadata).to_batches()


def _drop_pages(body: Body) -> None:
    """Drop the pages of a file that were read from memory."""
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
        # pyarrow also reads columns whose path begins with one of the names.
        if any(f"{leaf}.".startswith(f"{name}.") for name in names):
            room -= parquet_layout.unpacked(body, chunk, leaf, room)


def _restore_types(batch: pa.RecordBatch, fields: Mapping[str, pa.DataType]) -> pa.RecordBatch:
    """The batch with the types that the columns had when the file was written."""
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
def _translate_errors(form: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        told = str(error).partition("\n")[0][:200]
        raise MalformedInput(f"the body can't be read as {form}: {told}") from error
