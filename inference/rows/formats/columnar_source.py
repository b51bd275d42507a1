"""The columns of Arrow, Parquet and .npy for an output of another format, or of some columns."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from inference.limits import Limits
from inference.rows.formats import npy_reader
from inference.rows.formats.arrow_reader import ArrowReader
from inference.rows.formats.csv_source import column_names, no_columns
from inference.rows.formats.model_columns import ColumnsPart
from inference.rows.formats.parquet_reader import ParquetReader
from inference.rows.formats.parts import HeaderLine, Part, temporary_copy
from inference.rows.output_options import OutputOptions
from inference.rows.row_types import Array
from inference.rows.schema import Schema


class _ColumnarSource:
    """`originals` of its parts are batches with the columns of the output, and perhaps others."""

    header: HeaderLine | None = None

    def __init__(
        self, source: BinaryIO, schema: Schema, limits: Limits, output: OutputOptions
    ) -> None:
        self._source, self._model, self._limits, self._output = source, schema, limits, output
        self.schema = pa.schema([])

    def batch(self, part: Part) -> pa.RecordBatch:
        batch: pa.RecordBatch = part.originals
        if not len(self.schema):
            return no_columns(len(batch))
        places = [at for at, name in enumerate(batch.schema.names) if self._output.has(name)]
        if [batch.schema.names[at] for at in places] != self.schema.names:
            places = [batch.schema.get_field_index(name) for name in self.schema.names]
        arrays = [batch.column(at) for at in places]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def end(self) -> None:
        """Nothing is left to check."""

    def _begin(self, schema: pa.Schema) -> None:
        """`schema`: of all columns."""
        kept = [field for field in schema if self._output.has(field.name)]
        metadata = dict(schema.metadata or {})
        if len(kept) < len(schema):
            metadata.pop(b"pandas", None)  # it names the columns that are dropped
        self.schema = pa.schema(kept, metadata or None)

    def _coerced(self, parts: Iterable[ColumnsPart]) -> Iterator[Part]:
        count = 0
        for part in parts:
            yield Part(part.coerce(self._model, first=count), part.originals)
            count += len(part.originals)


class ArrowSource(_ColumnarSource):
    """Of a stream or a file, read as it comes."""

    def parts(self) -> Iterator[Part]:
        yield from self._coerced(
            ArrowReader(self._source, self._model, self._limits, self._names).parts()
        )

    def _names(self, schema: pa.Schema) -> None:
        """Raises UnfitInput."""
        self._output.require_names(schema.names)
        self._begin(schema)


class ParquetSource(_ColumnarSource):
    """Of a file, which is stored on disk before it is read."""

    def parts(self) -> Iterator[Part]:
        with temporary_copy(self._source) as file:
            opened = pa.OSFile(file.name)
        reader = ParquetReader(opened, self._model, None, self._output.has)
        self._output.require_names(reader.names)
        self._begin(reader.schema)
        yield from self._coerced(reader.parts())


class NpySource(_ColumnarSource):
    """Of an array: the model's names, or numbers."""

    def parts(self) -> Iterator[Part]:
        self._output.refuse_nameless()
        file = temporary_copy(self._source)
        weakref.finalize(self, file.close)
        reader = npy_reader.of_file(file, file.seek(0, 2))
        names = column_names(self._model, reader.shape[1] if len(reader.shape) > 1 else 1)
        count = 0
        for part in reader.parts(self._model):
            batch = _batch(part.originals, names)
            self.schema = batch.schema
            coerced = part.coerce(self._model, first=count)
            if len(batch):
                yield Part(coerced, batch)
            count += len(batch)


def _batch(rows: Array, names: Sequence[str]) -> pa.RecordBatch:
    columns = rows.reshape(len(rows), len(names)).T
    arrays = [pa.array(np.ascontiguousarray(column)) for column in columns]
    return pa.RecordBatch.from_arrays(arrays, names=list(names))
