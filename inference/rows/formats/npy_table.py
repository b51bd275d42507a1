""".npy: a structured array of `data` and our columns, one item a row.

The prediction of a row with an error is NaN, or an empty text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np

from inference.limits import PART_BYTES, Limits, rows_per_part
from inference.rows import coercion
from inference.rows.formats import npy_codec
from inference.rows.formats.output_columns import PREDICTION_ALONE, OutputColumns, width_of
from inference.rows.formats.parts import Part, Table, read_rows
from inference.rows.row_types import Array
from inference.rows.schema import Schema

DATA = "data"
#: Of an error's text: each row has room for the longest one.
MAX_ERROR_CHARACTERS = 200


class NpyTable(Table):
    """One array, read whole."""

    def __init__(
        self,
        source: BinaryIO,
        schema: Schema,
        limits: Limits,
        columns: OutputColumns = PREDICTION_ALONE,
    ) -> None:
        self._source, self._schema, self._limits = source, schema, limits
        self._columns = columns
        self._predictions: list[Any] = []
        #: The array's rows that they belong to.
        self._predicted: list[Array] = []
        #: By row.
        self._errors: dict[int, str] = {}

    def parts(self) -> Iterator[Part]:
        self._array = npy_codec.decode(read_rows(self._source, self._limits))
        self._limits.check_rows(len(self._array) if self._array.ndim else 0)
        rows = rows_per_part(self._array.shape[1] if self._array.ndim > 1 else 1)
        for start in range(0, len(self._array), rows):
            part = self._array[start : start + rows]
            coerced = coercion.coerce_array(part, self._schema, first=start)
            self._predicted.append(coerced.kept + start)
            self._errors |= {
                start + at: str(error)[:MAX_ERROR_CHARACTERS]
                for at, error in coerced.errors.items()
            }
            yield Part(coerced, part)

    def write(self, part: Part, predictions: Sequence[Any]) -> bytes:  # noqa: ARG002 - a Table's
        self._predictions.extend(self._columns.cells(predictions))
        return b""

    def end(self) -> Iterator[bytes]:
        added = self._added()
        fields = [(name, column.dtype, column.shape[1:]) for name, column in added.items()]
        dtype = np.dtype([(DATA, self._array.dtype, self._array.shape[1:]), *fields])
        yield npy_codec.header(dtype, len(self._array))
        rows = max(1, PART_BYTES // dtype.itemsize)
        for start in range(0, len(self._array), rows):
            part = slice(start, start + rows)
            joined = np.empty(len(self._array[part]), dtype)
            joined[DATA] = self._array[part]
            for name, column in added.items():
                joined[name] = column[part]
            yield joined.tobytes()

    def _added(self) -> dict[str, Array]:
        """Our columns, with an item for each row."""
        kept, rows = np.concatenate(self._predicted), self._predictions
        width = width_of(rows)
        names = self._columns.added(width, {DATA})
        cells = [rows] if width is None else list(map(list, zip(*rows, strict=True)))
        columns = [_placed(npy_codec.array_of(each), kept, len(self._array)) for each in cells]
        longest = max(map(len, self._errors.values()), default=1)
        errors: Array = np.zeros(len(self._array), f"U{longest}")
        errors[list(self._errors)] = list(self._errors.values())
        return dict(zip(names, [*columns, errors], strict=True))


def _placed(predicted: Array, rows: Array, count: int) -> Array:
    """A column of `count` items. Those of `rows` are predicted; others are NaN, or empty texts."""
    if len(rows) == count:
        return predicted
    is_text = predicted.dtype.kind == "U"
    shape = (count, *predicted.shape[1:])
    every: Array = np.full(
        shape, "" if is_text else np.nan, predicted.dtype if is_text else np.float64
    )
    every[rows] = predicted
    return every
