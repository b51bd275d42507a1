"""Writes rows that came in another format as .npy: a structured array with a field a column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from inference.rows.formats import column_types, npy_codec
from inference.rows.formats.cell_values import cell_values
from inference.rows.formats.npy_columns import NpyColumns
from inference.rows.formats.output_columns import distinct


class NpyRows:
    """A missing number is NaN, a missing text an empty one. All is written at the end."""

    def __init__(self) -> None:
        self._columns, self._count = NpyColumns(), 0

    def write(self, theirs: pa.RecordBatch, ours: pa.RecordBatch) -> bytes:
        """Raises UnacceptableAnswer for a column whose cells are no array of one type."""
        fields = [*theirs.schema, *ours.schema]
        columns = zip(fields, [*theirs.columns, *ours.columns], strict=True)
        self._columns.append([_cells(field, column) for field, column in columns])
        self._count += len(ours)
        return b""

    def end(self, theirs: pa.Schema, ours: pa.Schema) -> Iterator[bytes]:
        names = distinct([*theirs.names, *ours.names])
        types = self._columns.types(len(names))
        dtype = np.dtype([(name, *kind) for name, kind in zip(names, types, strict=True)])
        yield npy_codec.header(dtype, self._count)
        for columns in self._columns.parts(len(names)):
            items = np.empty(len(columns[0]), dtype)
            for name, column in zip(dtype.names or (), columns, strict=True):
                items[name] = column
            yield items.tobytes()


def _cells(field: pa.Field, column: pa.Array) -> list[Any]:
    cells = list(cell_values(field, column))
    if column_types.is_text(column_types.plain(field.type)):
        return ["" if cell is None else cell for cell in cells]
    return cells
