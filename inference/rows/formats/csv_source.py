"""The columns of a CSV for an output of another format.

The model's columns of numbers, booleans and dates have their types, and null for a cell that is
missing or wrong. All others are texts as they came.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from inference.rows.formats.csv_reader import CsvReader
from inference.rows.formats.gathering import pin_width
from inference.rows.formats.parts import HeaderLine, Part
from inference.rows.output_options import OutputOptions
from inference.rows.row_types import Array, Row
from inference.rows.schema import Column, ColumnType, Schema, frame_schema
from inference.rows.text_options import TextOptions
from inference.rows.typed_columns import ColumnReader, readers
from inference.rows.typed_rows import INTEGER_OR_MISSING, missing


class CsvSource:
    """Of the columns that the options keep."""

    def __init__(
        self, source: BinaryIO, schema: Schema, options: TextOptions, output: OutputOptions
    ) -> None:
        self._source, self._schema, self._options = source, schema, options
        self._output = output
        self.header: HeaderLine | None = None
        self.schema = pa.schema([])
        #: Of all columns.
        self._names: Sequence[str] = ()
        #: The positions of those that the output has.
        self._kept: list[int] = []
        #: By position: of columns that have a type.
        self._readers: dict[int, ColumnReader] = {}

    def parts(self) -> Iterator[Part]:
        reader, schema = CsvReader(self._source, self._schema, self._options), self._schema
        self.header = "absent" if reader.header is None else "present"
        if reader.header is not None:
            self._begin(reader.header.names, reader.header.order)
        count = 0
        for part in reader.parts():
            if reader.header is None and not count:
                self._output.refuse_nameless()
                width = schema.features or len(part.cells()[0])
                self._begin(column_names(schema, width), None)
            coerced = part.coerce(schema, first=count)
            schema = pin_width(schema, coerced)
            count += len(part.lines)
            yield Part(coerced, part)

    def batch(self, part: Part) -> pa.RecordBatch:
        rows: Sequence[Row] = part.originals.cells()
        width = len(self._names)
        if any(len(row) != width for row in rows):
            rows = [[*row[:width], *[None] * (width - len(row))] for row in rows]
        cells = list(zip(*rows, strict=True))
        arrays = [self._array(at, cells[at]) for at in self._kept]
        if not arrays:
            return no_columns(len(rows))
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def end(self) -> None:
        """Nothing is left to check."""

    def _begin(self, names: Sequence[str], order: list[int] | None) -> None:
        if self.header == "present":
            self._output.require_names(names)
        self._names = names
        self._kept = [at for at, name in enumerate(names) if self._output.has(name)]
        places = range(len(names)) if order is None else order
        typed = _typed(self._schema, [names[at] for at in places])
        self._readers = dict(zip(places, readers(typed, text=True), strict=False))
        empty = [self._array(at, ()) for at in self._kept]
        self.schema = pa.schema(
            [(names[at], array.type) for at, array in zip(self._kept, empty, strict=True)]
        )

    def _array(self, at: int, cells: Sequence[Any]) -> pa.Array:
        reader = self._readers.get(at)
        if reader is None or reader.feature.type in ("text", "category"):
            return pa.array(cells, pa.string())
        stored, wrong = reader.read(list(cells))
        gone = missing(stored).copy()
        gone[list(wrong)] = True
        return arrow_column(stored, gone, reader.feature)


def column_names(schema: Schema, width: int) -> list[str]:
    """For columns without names: the model's, or their numbers."""
    if schema.names is not None and len(schema.names) == width:
        return list(schema.names)
    return [f"column_{at}" for at in range(width)]


def no_columns(count: int) -> pa.RecordBatch:
    """So many rows without a cell."""
    return pa.RecordBatch.from_struct_array(pa.array([{}] * count, pa.struct([])))


def arrow_column(stored: Array, gone: Array, feature: Column) -> pa.Array:
    """Cells in the storage of typed_rows. `gone`: those that become null."""
    if stored.dtype == INTEGER_OR_MISSING:
        stored = stored["value"]
    if feature.type == "boolean":
        stored = stored == 1
    array = pa.array(np.ascontiguousarray(stored), mask=gone)
    if feature.type == "date" and "," in feature.pandas_dtype:
        array = array.cast(pa.timestamp(array.type.unit, "UTC"))
    return array


def _typed(schema: Schema, names: Sequence[str]) -> Schema:
    """The schema with a type for each column; an array's columns are numbers."""
    if schema.columns is not None:
        return schema
    kind: ColumnType = "integer" if schema.dtype.startswith(("int", "uint")) else "number"
    return frame_schema([Column(name, kind) for name in names], na=schema.na)
