""".npy: a structured array of `data` and `prediction`.

It has no place for errors: the prediction of such a row is NaN, or an empty text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np

from inference.limits import PART_BYTES, Limits, rows_per_part
from inference.rows import coercion
from inference.rows.formats import npy_codec
from inference.rows.formats.parts import Part, Table, read_rows
from inference.rows.row_types import Array
from inference.rows.schema import Schema


class NpyTable(Table):
    """One array, read whole."""

    def __init__(self, source: BinaryIO, schema: Schema, limits: Limits) -> None:
        self._source, self._schema, self._limits = source, schema, limits
        self._predictions: list[Any] = []
        #: The array's rows that they belong to.
        self._predicted: list[Array] = []

    def parts(self) -> Iterator[Part]:
        self._array = npy_codec.decode(read_rows(self._source, self._limits))
        self._limits.check_rows(len(self._array) if self._array.ndim else 0)
        rows = rows_per_part(self._array.shape[1] if self._array.ndim > 1 else 1)
        for start in range(0, len(self._array), rows):
            part = self._array[start : start + rows]
            coerced = coercion.coerce_array(part, self._schema, first=start)
            self._predicted.append(coerced.kept + start)
            yield Part(coerced, part)

    def write(self, part: Part, predictions: Sequence[Any]) -> bytes:  # noqa: ARG002 - a Table's
        self._predictions.extend(predictions)
        return b""

    def end(self) -> Iterator[bytes]:
        data = self._array
        predicted = self._every_prediction()
        dtype = np.dtype(
            [
                ("data", data.dtype, data.shape[1:]),
                ("prediction", predicted.dtype, predicted.shape[1:]),
            ]
        )
        yield npy_codec.header(dtype, len(data))
        rows = max(1, PART_BYTES // dtype.itemsize)
        for start in range(0, len(data), rows):
            joined = np.empty(len(data[start : start + rows]), dtype)
            joined["data"] = data[start : start + rows]
            joined["prediction"] = predicted[start : start + rows]
            yield joined.tobytes()

    def _every_prediction(self) -> Array:
        """One per row; NaN or an empty text for a row with an error."""
        predicted = npy_codec.array_of(self._predictions)
        rows = np.concatenate(self._predicted)
        if len(rows) == len(self._array):
            return predicted
        is_text = predicted.dtype.kind == "U"
        shape = (len(self._array), *predicted.shape[1:])
        every: Array = np.full(
            shape, "" if is_text else np.nan, predicted.dtype if is_text else np.float64
        )
        every[rows] = predicted
        return every
