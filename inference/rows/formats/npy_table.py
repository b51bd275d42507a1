""".npy: a structured array of `data` and our columns, one item a row.

The prediction of a row with an error is NaN, or an empty text. The output begins after the last
prediction: until then the input and our columns are in temporary files.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np

from inference.limits import Limits
from inference.rows.formats import npy_codec, npy_reader
from inference.rows.formats.npy_columns import NpyColumns
from inference.rows.formats.output_columns import PREDICTION_ALONE, OutputColumns, width_of
from inference.rows.formats.parts import Part, Table, temporary_copy
from inference.rows.output_options import AS_IT_CAME, OutputOptions
from inference.rows.schema import Schema

DATA = "data"
#: Of an error's text: each row has room for the longest one.
MAX_ERROR_CHARACTERS = 200


class NpyTable(Table):
    """One array, read and written in constant memory."""

    def __init__(
        self,
        source: BinaryIO,
        schema: Schema,
        limits: Limits,  # noqa: ARG002 - of any size
        columns: OutputColumns = PREDICTION_ALONE,
        output: OutputOptions = AS_IT_CAME,
    ) -> None:
        output.refuse_nameless()
        self._source, self._schema, self._columns = source, schema, columns
        self._added = NpyColumns()
        #: The number of a prediction's cells, once there is one; None for a single one.
        self._width = None if columns.known is None else len(columns.known)

    def parts(self) -> Iterator[Part]:
        file = temporary_copy(self._source)
        weakref.finalize(self, file.close)
        self._reader = npy_reader.of_file(file, file.seek(0, 2))
        count = 0
        for part in self._reader.parts(self._schema):
            coerced = part.coerce(self._schema, first=count)
            if len(part.originals):
                yield Part(coerced, part.originals)
            count += len(part.originals)

    def write(self, part: Part, predictions: Sequence[Any]) -> bytes:
        cells = self._columns.cells(predictions)
        if self._width is None:
            self._width = width_of([each for each in cells if each is not None])
        nothing = None if self._width is None else [None] * self._width
        rows, errors = [], []
        for prediction, error in part.outcomes(cells):
            rows.append(nothing if prediction is None else prediction)
            errors.append(str(error)[:MAX_ERROR_CHARACTERS] if error else "")
        by_column = [rows] if self._width is None else list(map(list, zip(*rows, strict=True)))
        self._added.append([errors, *by_column])
        return b""

    def end(self) -> Iterator[bytes]:
        names = self._columns.added(self._width, {DATA})
        names = [names[-1], *names[:-1]]  # the errors are the first column
        types = self._added.types(len(names))
        data = self._reader
        fields = {name: (name, *kind) for name, kind in zip(names, types, strict=True)}
        first = [(DATA, data.dtype, data.shape[1:])]
        dtype = np.dtype([*first, *(fields[name] for name in [*names[1:], names[0]])])
        yield npy_codec.header(dtype, len(data))
        if not len(data):
            return
        parts = zip(data.parts(self._schema), self._added.parts(len(names)), strict=True)
        for part, columns in parts:
            joined = np.empty(len(part.originals), dtype)
            joined[DATA] = part.originals
            for name, column in zip(names, columns, strict=True):
                joined[name] = column
            yield joined.tobytes()
