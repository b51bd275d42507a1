"""A Parquet file as a batch: the output is the input and its predictions' columns.

The footer is at the end of a file, so the file is stored on disk before it is read. Only the
model's columns are unpacked. The columns of the input are copied as they are.
"""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from inference.limits import Limits
from inference.rows.formats import parquet_append, parquet_layout
from inference.rows.formats.output_columns import PREDICTION_ALONE, OutputColumns
from inference.rows.formats.parquet_reader import MAX_GROUP_ROWS, ParquetReader
from inference.rows.formats.parts import READ_BYTES, Part, Table, temporary_copy
from inference.rows.formats.prediction_columns import PredictionColumns
from inference.rows.output_options import AS_IT_CAME, OutputOptions
from inference.rows.schema import Schema


class ParquetTable(Table):
    """The new columns have the row groups of the input. They are kept in a temporary file."""

    def __init__(
        self,
        source: BinaryIO,
        schema: Schema,
        limits: Limits,
        columns: OutputColumns = PREDICTION_ALONE,
        output: OutputOptions = AS_IT_CAME,
    ) -> None:
        self._source, self._schema, self._limits = source, schema, limits
        self._output, self._options = columns, output
        self._added = tempfile.NamedTemporaryFile()  # noqa: SIM115 - it lives as long as the table
        weakref.finalize(self, self._added.close)
        self._writer: pq.ParquetWriter | None = None
        #: How many bytes of the input, and rows, the output has.
        self._copied = self._rows = 0

    def parts(self) -> Iterator[Part]:
        with temporary_copy(self._source) as file:
            self._file = pa.OSFile(file.name)
        reader = ParquetReader(self._file, self._schema, None)
        self._options.require_names(reader.names)
        self._groups, self._footer = reader.groups, reader.footer
        self._end = self._file.size() - 8 - len(self._footer)
        self._columns = PredictionColumns(reader.names, self._limits, self._output)
        self._waiting = [group.rows for group in self._groups]
        count = 0
        for part in reader.parts():
            yield Part(part.coerce(self._schema, first=count), part.originals)
            count += len(part.originals)

    def write(self, part: Part, predictions: Sequence[Any]) -> bytes:
        self._columns.append(part, predictions)
        self._rows += len(part.originals)
        self._write_groups()
        total = sum(group.rows for group in self._groups)
        return self._copy(self._end * self._rows // max(1, total))

    def end(self) -> Iterator[bytes]:
        while self._copied < self._end:
            yield self._copy(min(self._copied + READ_BYTES, self._end))
        self._columns.require_type()
        self._write_groups()
        self._open_writer().close()
        yield from self._added_columns()

    def _added_columns(self) -> Iterator[bytes]:
        """Their pages, and the footer of the output."""
        added = pa.OSFile(self._added.name)
        footer = parquet_layout.read_footer(added)
        at, end = len(parquet_layout.MAGIC), added.size() - 8 - len(footer)
        shift = self._end - at
        while content := added.read_at(min(READ_BYTES, end - at), at):
            at += len(content)
            yield content
        fields = list(self._columns.schema)
        yield parquet_append.joined_footer(self._footer, footer, shift=shift, fields=fields)

    def _copy(self, end: int) -> bytes:
        """The input from where the output ends to `end`."""
        content: bytes = self._file.read_at(end - self._copied, self._copied)
        self._copied = end
        return content

    def _write_groups(self) -> None:
        """Write the row groups whose predictions are there."""
        while self._waiting and self._columns.is_typed and len(self._columns) >= self._waiting[0]:
            table = self._columns.take(self._waiting.pop(0))
            self._open_writer().write_table(table, row_group_size=MAX_GROUP_ROWS)

    def _open_writer(self) -> pq.ParquetWriter:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._added.name, self._columns.schema)
        return self._writer
