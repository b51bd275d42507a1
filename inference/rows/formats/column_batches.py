"""The rows of a Parquet file or an Arrow stream, in batches whose size is checked before they are
unpacked. No body takes more memory than the limits allow, whatever it claims.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from inference.errors import InputTooLarge, MalformedInput
from inference.limits import Limits
from inference.rows.formats import column_types, parquet_layout
from inference.rows.formats.arrow_messages import Messages, Source
from inference.rows.formats.parquet_layout import Body, Group

#: A row group of at most GROUP_BYTES is read some columns at a time, by number and by bytes.
GROUP_BYTES = 96 * 1024 * 1024
COLUMNS_AT_ONCE, COLUMNS_BYTES = 256, 8 * 1024 * 1024
#: Of the unpacked pages of a blob that are held at the same time: a dictionary and a page a column.
#: The usual ones have 1 MB each.
HELD_BYTES = 160 * 1024 * 1024
_HELD = "fixed; write shorter pages, or row groups of fewer rows"


class ArrowBody:
    """The rows of an Arrow stream or file. Its batches may have `max_bytes` each."""

    def __init__(self, source: Source, *, max_bytes: int) -> None:
        self._messages = Messages(source, max_bytes)
        #: Known once `parts` began.
        self.schema = pa.schema([])

    @property
    def is_file(self) -> bool:
        return self._messages.is_file

    @property
    def compression(self) -> str | None:
        return self._messages.compression

    def parts(self) -> Iterator[pa.RecordBatch]:
        """The rows, part by part. Raises CallerError."""
        with _translate_errors("an Arrow stream or file"):
            stream = pa.ipc.open_stream(self._messages)
            str(stream.schema.names)  # raises if they are not UTF-8
            self.schema = stream.schema
            for batch in stream:
                batch.validate(full=True)  # offsets may point anywhere
                yield from column_types.cut(batch)


class ParquetBody:
    """The rows of a Parquet file's columns that `choose` picks of all names. Raises CallerError.

    `limits` are those of a body: its rows, and the bytes of a row group. Of a blob, which has None,
    only the pages are limited that are held at the same time.
    """

    def __init__(
        self,
        body: Body,
        choose: Callable[[Sequence[str]], Sequence[str]],
        limits: Limits | None,
    ) -> None:
        self._body, self._limits = body, limits
        with _translate_errors("Parquet"):
            source = pa.BufferReader(body)
            options = {
                "pre_buffer": False,
                # pyarrow would unpack extension types as their storage type.
                "arrow_extensions_enabled": False,
                # No list or text of the footer can be longer than the file.
                "thrift_string_size_limit": len(body) + 1,
                "thrift_container_size_limit": len(body) + 1,
            }
            self.groups = parquet_layout.groups(body)
            count = _checked_count(self.groups, limits)
            file = pq.ParquetFile(source, **options)
            #: Of all columns.
            self.names: list[str] = file.schema_arrow.names
            #: The types of the chosen columns, by name.
            self.fields = {name: file.schema_arrow.field(name).type for name in choose(self.names)}
            #: Of each row group's pages, in bytes.
            self._sizes = self._check(file, count)
            # As dictionaries, texts take no more memory than in the file.
            texts = [name for name, kind in self.fields.items() if column_types.is_variable(kind)]
            self._file = pq.ParquetFile(
                source, metadata=file.metadata, read_dictionary=texts, **options
            )

    def parts(self, names: Iterable[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows of some columns, or of all, part by part. Raises CallerError."""
        fields = {name: self.fields[name] for name in (self.fields if names is None else names)}
        with _translate_errors("Parquet"):
            for number in range(len(self.groups)):
                for batch in self._batches(number, fields):
                    for part in column_types.cut(batch):
                        restored = _restore_types(part, fields)
                        restored.validate(full=True)  # texts may not be UTF-8
                        yield restored
                    drop_pages(self._body)

    def _check(self, file: pq.ParquetFile, count: int) -> list[int]:
        fields, limits = self.fields, self._limits
        column_types.require_flat(fields)
        if limits is not None:
            rows = column_types.rows_per_part(len(fields))
            column_types.check_cells(min(count, rows) * len(fields), limits.body_bytes)
        leaves = [file.schema.column(index).path for index in range(len(file.schema))]
        sizes = []
        for group in self.groups:
            sizes.append(_check_pages(self._body, group, leaves, fields, limits))
            drop_pages(self._body)
        return sizes

    def _batches(self, group: int, kinds: Mapping[str, pa.DataType]) -> Iterable[pa.RecordBatch]:
        """The rows of a row group. One that fits into memory is read some columns at a time,
        because pyarrow holds a page or two of each column that it reads at the same time.
        """
        names, width = list(kinds), sum(map(column_types.cell_bytes, kinds.values()))
        # A body in memory is held beside its pages and the rows made of them.
        in_parts = isinstance(self._body, bytes) and len(names) <= COLUMNS_AT_ONCE
        room = 0 if in_parts else GROUP_BYTES
        size = max(self.groups[group].rows * width, 0 if in_parts else self._sizes[group])
        if size > room:
            rows = column_types.rows_per_part(len(kinds))
            batches: Iterable[pa.RecordBatch] = self._file.iter_batches(
                rows, [group], names, use_threads=False
            )
            return batches
        step = max(1, COLUMNS_BYTES * len(names) // max(1, size))
        return _by_columns(self._file, self._body, group, names, min(step, COLUMNS_AT_ONCE))


def _by_columns(
    file: pq.ParquetFile, body: Body, group: int, names: list[str], step: int
) -> Iterator[pa.RecordBatch]:
    columns: dict[str, pa.Array] = {}
    for start in range(0, len(names), step):
        table = file.read_row_group(group, names[start : start + step], use_threads=False)
        for name in table.column_names:
            columns[name] = table.column(name).combine_chunks()
        drop_pages(body)
    yield from pa.table(columns, metadata=file.schema_arrow.metadata).to_batches()


def drop_pages(body: Body) -> None:
    """Drop the pages of a file that were read from memory."""
    if isinstance(body, mmap.mmap):
        body.madvise(mmap.MADV_DONTNEED)


def _checked_count(groups: Iterable[Group], limits: Limits | None) -> int:
    count = sum(group.rows for group in groups)
    if limits is not None and count > limits.rows:
        raise InputTooLarge(size=count, limit=limits.rows, unit="rows", setting="MAX_ROWS")
    return count


def _check_pages(
    body: Body,
    group: Group,
    leaves: Sequence[str],
    names: Container[str],
    limits: Limits | None,
) -> int:
    """Bytes of the unpacked pages of the columns with these names. Raises CallerError."""
    if len(group.chunks) != len(leaves):
        raise MalformedInput("the Parquet file's row groups have other columns than its schema")
    size = held = 0
    for leaf, chunk in zip(leaves, group.chunks, strict=True):
        # pyarrow also reads columns whose path begins with one of the names.
        if any(path in names for path in _paths(leaf)):
            pages = parquet_layout.unpacked(body, chunk, leaf)
            size += pages.size
            held += pages.held
            if limits is not None:
                limits.check_bytes(size, unit="unpacked bytes")
            elif held > HELD_BYTES:
                unit = "unpacked bytes in pages"
                raise InputTooLarge(size=held, limit=HELD_BYTES, unit=unit, setting=_HELD)
    return size


def _paths(leaf: str) -> Iterator[str]:
    """`a`, `a.b` and `a.b.c` of `a.b.c`."""
    yield leaf
    while "." in leaf:
        leaf = leaf.rpartition(".")[0]
        yield leaf


def _restore_types(batch: pa.RecordBatch, fields: Mapping[str, pa.DataType]) -> pa.RecordBatch:
    """The columns in the order of `fields`, with the types that they had when they were written."""
    columns = {name: _as(batch.column(name), kind) for name, kind in fields.items()}
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
