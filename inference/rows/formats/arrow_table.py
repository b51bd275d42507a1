"""An Arrow stream or file as a batch: the input's columns, then its predictions' and errors'.

It is read as it comes, in constant memory. The output is a stream where the input is one, else a
file, compressed in the same way.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import pyarrow as pa

from inference.limits import Limits
from inference.rows.formats.arrow_reader import ArrowReader
from inference.rows.formats.output_columns import PREDICTION_ALONE, OutputColumns
from inference.rows.formats.parts import Part, Table
from inference.rows.formats.prediction_columns import PredictionColumns
from inference.rows.output_options import AS_IT_CAME, OutputOptions
from inference.rows.schema import Schema


class ArrowTable(Table):
    """Rows wait until the first prediction shows the type of its column."""

    def __init__(
        self,
        source: BinaryIO,
        schema: Schema,
        limits: Limits,
        columns: OutputColumns = PREDICTION_ALONE,
        output: OutputOptions = AS_IT_CAME,
    ) -> None:
        self._schema, self._limits, self._output = schema, limits, columns
        self._reader = ArrowReader(
            source, schema, limits, lambda found: output.require_names(found.names)
        )
        self._out = io.BytesIO()
        self._writer: pa.RecordBatchStreamWriter | None = None
        self._waiting: list[pa.RecordBatch] = []
        self._columns: PredictionColumns | None = None

    def parts(self) -> Iterator[Part]:
        count = 0
        for part in self._reader.parts():
            yield Part(part.coerce(self._schema, first=count), part.originals)
            count += len(part.originals)

    def write(self, part: Part, predictions: Sequence[Any]) -> bytes:
        self._predicted().append(part, predictions)
        self._waiting.append(part.originals)
        self._write_waiting()
        return self._written()

    def end(self) -> Iterator[bytes]:
        self._predicted().require_type()
        self._write_waiting()
        self._open_writer().close()
        yield self._written()

    def _predicted(self) -> PredictionColumns:
        if self._columns is None:
            names = self._reader.schema.names
            self._columns = PredictionColumns(names, self._limits, self._output)
        return self._columns

    def _write_waiting(self) -> None:
        columns = self._predicted()
        if not columns.is_typed:
            return
        for batch in self._waiting:
            added = columns.take(len(batch)).combine_chunks()
            arrays = [*batch.columns, *(each.chunk(0) for each in added.columns)]
            writer = self._open_writer()
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=self._output_schema()))
        self._waiting = []

    def _output_schema(self) -> pa.Schema:
        schema = self._reader.schema
        for field in self._predicted().schema:
            schema = schema.append(field)
        return schema

    def _open_writer(self) -> pa.RecordBatchStreamWriter:
        if self._writer is None:
            new = pa.ipc.new_file if self._reader.is_file else pa.ipc.new_stream
            options = pa.ipc.IpcWriteOptions(
                compression=self._reader.compression, emit_dictionary_deltas=self._reader.is_file
            )
            self._writer = new(self._out, self._output_schema(), options=options)
        return self._writer

    def _written(self) -> bytes:
        """The bytes written since the last call."""
        written = self._out.getvalue()
        self._out.seek(0)
        self._out.truncate()
        return written
