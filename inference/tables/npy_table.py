""".npy: a structured array of `data` and `prediction`.

It has no room for what was wrong with a row: its prediction is NaN, or an empty text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np

from inference import codecs, fitting
from inference.codecs import npy_codec
from inference.rows import Array
from inference.signature import Signature
from inference.tables.parts import Limits, Part, Table, read_rows


class NpyTable(Table):
    """One array, read whole."""

    def __init__(self, source: BinaryIO, signature: Signature, limits: Limits) -> None:
        self._source, self._signature, self._limits = source, signature, limits

    def parts(self) -> Iterator[Part]:
        array = npy_codec.decode(read_rows(self._source, self._limits))
        codecs.check_count(len(array) if array.ndim else 0, self._limits.rows)
        yield Part(fitting.fit_array(array, self._signature), array)

    def write(self, part: Part, predictions: Sequence[Any]) -> bytes:
        predicted = _with_gaps(npy_codec.array_of(list(predictions)), part)
        data = np.asarray(part.originals)
        fields = [
            ("data", data.dtype, data.shape[1:]),
            ("prediction", predicted.dtype, predicted.shape[1:]),
        ]
        joined = np.empty(len(data), dtype=fields)
        joined["data"], joined["prediction"] = data, predicted
        return npy_codec.dump(joined)


def _with_gaps(predicted: Array, part: Part) -> Array:
    """A prediction for every row: nothing, as a text or a number, for one that failed."""
    if not part.fitted.errors:
        return predicted
    is_text = predicted.dtype.kind == "U"
    shape = (len(part.originals), *predicted.shape[1:])
    every: Array = np.full(
        shape, "" if is_text else np.nan, predicted.dtype if is_text else np.float64
    )
    every[part.fitted.kept] = predicted
    return every
