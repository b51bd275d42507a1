"""A Parquet file as a batch: the output is the input and its predictions' columns.

The footer is at the end of a file, so the file is stored on disk before it is read. Only the
model's columns are unpacked. The columns of the input are copied as they are.
"""

from __future__ import annotations

import io
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import pyarrow.parquet as pq

from inference.errors import InputTooLarge
from inference.limits import Limits
from inference.rows.formats import columnar, parquet_append, parquet_layout
from inference.rows.formats.column_batches import ParquetBody, drop_pages
from inference.rows.formats.output_columns import PREDICTION_ALONE, OutputColumns
from inference.rows.formats.parts import READ_BYTES, Part, Table, read_file
from inference.rows.formats.prediction_columns import PredictionColumns
from inference.rows.schema import Schema

#: pyarrow keeps 100 bytes to some KB of each column and row group of a file: a blob of 4,000
#: columns and 96 MB takes 215 MB, one of 10,000 columns 400 MB.
MAX_COLUMNS = 4_096
#: Of a row group: pyarrow cuts longer ones.
MAX_GROUP_ROWS = 64 * 1024 * 1024


class ParquetTable(Table):
    """The new columns have the row groups of the input. They are kept in a temporary file."""

    def __init__(
        self,
        source: BinaryIO,
        schema: Schema,
        limits: Limits,
        columns: OutputColumns = PREDICTION_ALONE,
    ) -> None:
        self._source, self._schema, self._limits = source, schema, limits
        self._output = columns
        self._added = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the table
        weakref.finalize(self, self._added.close)
        self._out = io.BytesIO()
        self._writer: pq.ParquetWriter | None = None
        #: How many bytes of the input, and rows, the output has.
        self._copied = self._rows = 0

    def parts(self) -> Iterator[Part]:
        self._body = read_file(self._source, None)
        self._groups = parquet_layout.groups(self._body)
        self._require_size()
        footer = int.from_bytes(self._body[-8:-4], "little")
        self._end = len(self._body) - 8 - footer
        parquet = ParquetBody(self._body, columnar.chooser(self._schema), limits=None)
        self._columns = PredictionColumns(parquet.names, self._limits, self._output)
        self._waiting = [group.rows for group in self._groups]
        count = 0
        for batch in parquet.parts():
            yield Part(columnar.coerce(batch, self._schema, first=count), batch)
            count += len(batch)

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
        self._store()
        yield from self._added_columns()

    def _added_columns(self) -> Iterator[bytes]:
        """Their pages, and the footer of the output."""
        self._added.seek(-8, 2)
        size = int.from_bytes(self._added.read(4), "little")
        end = self._added.seek(-8 - size, 2)
        new = parquet_append.footer_of(self._added.read())
        start = self._added.seek(len(parquet_layout.MAGIC))
        while content := self._added.read(min(READ_BYTES, end - self._added.tell())):
            yield content
        old = parquet_append.footer_of(self._body[self._end :])
        yield parquet_append.joined_footer(
            old, new, shift=self._end - start, fields=list(self._columns.schema)
        )

    def _require_size(self) -> None:
        columns = max((len(group.chunks) for group in self._groups), default=0)
        rows = max((group.rows for group in self._groups), default=0)
        for size, limit, unit in (
            (columns, MAX_COLUMNS, "columns of Parquet"),
            (rows, MAX_GROUP_ROWS, "rows in a group of Parquet"),
        ):
            if size > limit:
                setting = "fixed; an Arrow stream, CSV or JSON lines may have more"
                raise InputTooLarge(size=size, limit=limit, unit=unit, setting=setting)

    def _copy(self, end: int) -> bytes:
        """The input from where the output ends to `end`."""
        content = self._body[self._copied : end]
        drop_pages(self._body)
        self._copied = end
        return content

    def _write_groups(self) -> None:
        """Write the row groups whose predictions are there."""
        while self._waiting and self._columns.is_typed and len(self._columns) >= self._waiting[0]:
            table = self._columns.take(self._waiting.pop(0))
            self._open_writer().write_table(table, row_group_size=MAX_GROUP_ROWS)
            self._store()

    def _open_writer(self) -> pq.ParquetWriter:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._out, self._columns.schema)
        return self._writer

    def _store(self) -> None:
        """Move what was written from memory to the temporary file."""
        self._added.write(self._out.getvalue())
        self._out.seek(0)
        self._out.truncate()
