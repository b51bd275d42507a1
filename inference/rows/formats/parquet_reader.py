"""The rows of a Parquet file: a body in memory, or a blob in a file on disk.

The size of each batch is checked before it is unpacked, so no input takes more memory than the
limits allow, whatever it claims.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from inference.errors import InputTooLarge, MalformedInput
from inference.limits import Limits
from inference.rows.formats import (
    column_types,
    measured_footers,
    parquet_layout,
    stored_batches,
)
from inference.rows.formats.model_columns import ColumnsPart, choose, max_body_columns
from inference.rows.formats.parquet_layout import Chunk, Group, Pages
from inference.rows.schema import Schema, require_once

#: What pyarrow holds of the columns that it reads at the same time: of each column a dictionary, a
#: page and, of a file, the page as it is stored. The usual ones have 1 MB each. A single column may
#: have more.
STEP_COLUMNS, STEP_BYTES, COLUMN_BYTES = 256, 80 * 1024 * 1024, 120 * 1024 * 1024
_HELD = "fixed; write pages of 1 MB, or row groups of fewer rows"
#: The most bytes that a short chunk of a blob unpacks to.
SHORT_CHUNK_BYTES = 1024 * 1024
#: Of a column of texts that it makes a dictionary of: bytes for each, and the most for all. Longer
#: columns are read as plain texts, of which a batch may have TEXTS_BYTES.
_TEXT_BYTES, DICTIONARY_BYTES, TEXTS_BYTES = 256, 32 * 1024 * 1024, 32 * 1024 * 1024
#: Of a file, read at a time: for a column, at most, and for all columns together.
_COLUMN_BUFFER, _BUFFERS = 64 * 1024, 16 * 1024 * 1024

#: pyarrow keeps 100 bytes to some KB of each column and row group of a file: a blob of 4,000
#: columns and 96 MB takes 215 MB, one of 10,000 columns 400 MB.
MAX_COLUMNS = 4_096
#: Of a row group: pyarrow cuts longer ones.
MAX_GROUP_ROWS = 64 * 1024 * 1024


class ParquetReader:
    """Reads columns of `file`. Raises CallerError.

    `limits` are those of a body: its rows, and the bytes of a row group. Of a blob, which has None,
    only the pages are limited that are held at the same time.
    """

    def __init__(
        self,
        file: pa.NativeFile,
        schema: Schema,
        limits: Limits | None,
        others: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """`others`: whether a column is read that may not be the model's."""
        self._file, self._limits = file, limits
        self._is_array = schema.kind == "array"
        self.footer = parquet_layout.read_footer(file)
        self.groups = measured_footers.take(self.footer)
        count = sum(group.rows for group in self.groups)
        self._check_counts(count, max_body_columns(schema))
        with column_types.translate_errors("Parquet"):
            parquet = self._open()
            #: Of all columns.
            self.schema: pa.Schema = parquet.schema_arrow
            self.names: list[str] = self.schema.names
            self._chosen = choose(schema, self.names)
            read = [*self._chosen, *filter(others, self.names)]
            require_once(read, self.names)
            #: The types of the columns that are read, the model's first, by name.
            kinds = dict(zip(self.names, self.schema.types, strict=True))
            self.fields = {name: kinds[name] for name in read}
            self._check(parquet, count)
            # As dictionaries, texts take no more memory than in the file.
            texts = [name for name, kind in self.fields.items() if column_types.is_variable(kind)]
            buffer = min(_COLUMN_BUFFER, _BUFFERS // max(1, len(self.fields)))
            options = {
                "metadata": parquet.metadata,
                "buffer_size": 0 if self._in_memory else buffer,
            }
            #: Of a body: whether each cell has a fixed size. Then no batch needs to be cut or
            #: converted, and looking at each column's type takes a tenth of a short body's time.
            self.is_fixed = self._in_memory and column_types.are_fixed(self.fields.values())
            if texts or not self._in_memory:
                parquet = self._open(read_dictionary=texts, **options)
            self._parquet = parquet
            self._plain = self._open(**options) if any(self._long_texts) else parquet

    def parts(self) -> Iterator[ColumnsPart]:
        """The rows, in order. Raises CallerError."""
        if len(self._chosen) == len(self.fields):
            return (ColumnsPart(batch, batch) for batch in self.batches())
        return (ColumnsPart(batch.select(self._chosen), batch) for batch in self.batches())

    def batches(self, names: Iterable[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows of some of the model's columns, or of all. Raises CallerError."""
        fields = {name: self.fields[name] for name in (self.fields if names is None else names)}
        with column_types.translate_errors("Parquet"):
            filled = (number for number, group in enumerate(self.groups) if group.rows)
            for number in filled:
                for batch in self._group_batches(number, list(fields)):
                    batch.validate(full=True)  # texts may not be UTF-8
                    yield batch

    @property
    def _in_memory(self) -> bool:
        return isinstance(self._file, pa.BufferReader)

    @property
    def _short_chunk(self) -> int:
        """All short chunks of a body together have no more than the limit."""
        if self._limits is None:
            return SHORT_CHUNK_BYTES
        expanded = self._file.size() * parquet_layout.MOST_EXPANSION
        return self._limits.body_bytes if expanded <= self._limits.body_bytes else 0

    def _rows_per_part(self, columns: int) -> int:
        if self._in_memory and self._is_array:
            return max(1, column_types.BODY_CELLS // max(1, columns))
        return column_types.rows_per_part(columns)

    def _open(self, **options: Any) -> pq.ParquetFile:
        size = self._file.size()
        return pq.ParquetFile(
            self._file,
            pre_buffer=False,
            # pyarrow would unpack extension types as their storage type.
            arrow_extensions_enabled=False,
            # No list or text of the footer can be longer than the file.
            thrift_string_size_limit=size + 1,
            thrift_container_size_limit=size + 1,
            **options,
        )

    def _check_counts(self, count: int, max_columns: int) -> None:
        if self._limits is not None:
            _require_at_most(count, self._limits.rows, "rows", "MAX_ROWS")
            columns = parquet_layout.exceeds(self.footer, max_columns)
            _require_at_most(columns, max_columns, "columns", "fixed")
            return
        setting = "fixed; an Arrow stream, CSV or JSON lines may have more"
        columns = parquet_layout.exceeds(self.footer, MAX_COLUMNS)
        _require_at_most(columns, MAX_COLUMNS, "columns of Parquet", setting)
        for group in self.groups:
            _require_at_most(group.rows, MAX_GROUP_ROWS, "rows in a group of Parquet", setting)

    def _check(self, parquet: pq.ParquetFile, count: int) -> None:
        fields, limits = self.fields, self._limits
        column_types.require_flat(fields)
        if limits is not None:
            rows = self._rows_per_part(len(fields))
            column_types.check_cells(min(count, rows) * len(fields), limits.body_bytes)
        leaves = self.names
        if len(parquet.schema) != len(leaves):  # some are nested
            leaves = [parquet.schema.column(index).path for index in range(len(parquet.schema))]
        #: By row group: the bytes that pyarrow holds of each column.
        self._held: list[dict[str, int]] = []
        #: By row group: the columns of so many texts, and how many rows are read at a time.
        self._long_texts: list[dict[str, int]] = []
        for group in self.groups:
            self._check_pages(group, leaves)

    def _check_pages(self, group: Group, leaves: Sequence[str]) -> None:
        """Find the bytes that pyarrow holds of each column. Raises CallerError."""
        if len(group.chunks) != len(leaves):
            raise MalformedInput("the Parquet file's row groups have other columns than its schema")
        size, short = 0, self._short_chunk
        held = dict.fromkeys(self.fields, 0)
        long_texts: dict[str, int] = {}
        for leaf, chunk in zip(leaves, group.chunks, strict=True):
            # pyarrow also reads columns whose path begins with one of the names.
            for name in held.keys() & _paths(leaf):
                pages = self._pages(chunk, leaf, short)
                size += pages.size
                held[name] += pages.held
                if self._limits is not None:
                    self._limits.check_bytes(size, unit="unpacked bytes")
                else:
                    unit = f"unpacked bytes in a page of column {name!r}"
                    _require_at_most(held[name], COLUMN_BYTES, unit, _HELD)
                    if pages.plain * _TEXT_BYTES > DICTIONARY_BYTES:
                        long_texts[name] = max(1, TEXTS_BYTES // max(1, pages.dictionary))
        variable = (name for name in long_texts if column_types.is_variable(self.fields[name]))
        self._long_texts.append({name: long_texts[name] for name in variable})
        self._held.append(held | dict.fromkeys(self._long_texts[-1], STEP_BYTES))

    def _pages(self, chunk: Chunk, leaf: str, short: int) -> Pages:
        """The page headers of a short chunk are not read: they take most of a small body's time."""
        if chunk.bound is not None and chunk.bound <= short:
            return Pages(chunk.bound, longest=chunk.bound)
        return parquet_layout.unpacked(self._file, chunk, leaf)

    def _group_batches(self, group: int, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The rows of a row group. Of many columns, some are read after the others."""
        rows = self._rows_per_part(len(names))
        steps = list(self._steps(self._held[group], names))
        if len(steps) == 1:
            return self._step_batches(group, names, rows)
        keep = stored_batches.keep_in_memory if self._in_memory else stored_batches.keep_on_disk
        joined = stored_batches.joined(
            [keep(self._step_batches(group, step, rows)) for step in steps]
        )
        return (some for batch in joined for some in column_types.cut(batch, rows))

    def _steps(self, held: Mapping[str, int], names: Sequence[str]) -> Iterator[Sequence[str]]:
        """The columns that are read at the same time."""
        # The pages of a body in memory have a limit of their own.
        room = math.inf if self._in_memory else STEP_BYTES
        start = size = 0
        for at, name in enumerate(names):
            size += held[name]
            if at > start and (size > room or at - start == STEP_COLUMNS):
                yield names[start:at]
                start, size = at, held[name]
        yield names[start:]

    def _step_batches(
        self, group: int, names: Sequence[str], rows: int
    ) -> Iterator[pa.RecordBatch]:
        wanted = pa.schema([(name, self.fields[name]) for name in names])
        parquet, at_once = self._parquet, rows
        if names[0] in self._long_texts[group]:  # it is alone
            parquet, at_once = self._plain, min(rows, self._long_texts[group][names[0]])
        batches = parquet.iter_batches(at_once, [group], list(names), use_threads=False)
        for batch in batches if at_once == rows else stored_batches.combined(batches, rows):
            if self.is_fixed and batch.schema.names == names:
                yield batch
                continue
            for some in column_types.cut(batch, rows):
                yield _restore_types(some, wanted)


def _require_at_most(size: int, limit: int, unit: str, setting: str) -> None:
    if size > limit:
        raise InputTooLarge(size=size, limit=limit, unit=unit, setting=setting)


def _paths(leaf: str) -> tuple[str, ...]:
    """`a`, `a.b` and `a.b.c` of `a.b.c`."""
    return (leaf,) if "." not in leaf else (*_paths(leaf.rpartition(".")[0]), leaf)


def _restore_types(batch: pa.RecordBatch, wanted: pa.Schema) -> pa.RecordBatch:
    """The columns in the order of `wanted`, with the types that they had when they were written."""
    if batch.schema.equals(wanted):
        return batch
    columns = [_as(batch.column(field.name), field.type) for field in wanted]
    return pa.RecordBatch.from_arrays(columns, schema=wanted)


def _as(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if column.type == kind:
        return column
    return column.cast(column_types.plain(column.type)).cast(kind)
