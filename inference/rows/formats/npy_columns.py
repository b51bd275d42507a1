"""Columns of predictions for a .npy file, whose header has the type that holds all of them."""

from __future__ import annotations

import math
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from inference.errors import UnacceptableAnswer
from inference.rows import media_types
from inference.rows.formats import npy_codec
from inference.rows.row_types import Array


class NpyColumns:
    """Parts of columns in a temporary file, until the last one is there.

    A missing cell, None, is NaN or an empty text.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the columns
        weakref.finalize(self, self._file.close)
        #: Of each part: its length, and the type of each column; None if all its cells are missing.
        self._parts: list[tuple[int, list[np.dtype[Any] | None]]] = []
        self._shapes: list[tuple[int, ...] | None] = []
        self._negative: set[int] = set()

    def append(self, columns: Sequence[Sequence[Any]]) -> None:
        """A part. It may have fewer columns than the others: the rest is missing.

        Raises UnacceptableAnswer.
        """
        known: list[np.dtype[Any] | None] = []
        self._shapes += [None] * (len(columns) - len(self._shapes))
        for at, cells in enumerate(columns):
            array = _array_of(cells)
            known.append(None if array is None else array.dtype)
            if array is not None:
                self._check(at, array)
                self._file.write(array.tobytes())
        self._parts.append((len(columns[0]), known))

    def types(self, count: int) -> list[tuple[np.dtype[Any], tuple[int, ...]]]:
        """Of so many columns: the type and the shape of a cell. Raises UnacceptableAnswer."""
        self._shapes += [None] * (count - len(self._shapes))
        return [(self._type(at), self._shapes[at] or ()) for at in range(count)]

    def parts(self, count: int) -> Iterator[list[Array]]:
        """So many columns, part by part."""
        types = self.types(count)
        self._file.seek(0)
        for rows, known in self._parts:
            columns = []
            for at, (dtype, shape) in enumerate(types):
                stored = known[at] if at < len(known) else None
                if stored is None:
                    columns.append(np.full((rows, *shape), "" if dtype.kind == "U" else np.nan))
                else:
                    size = rows * math.prod(shape) * stored.itemsize
                    cells = np.frombuffer(self._file.read(size), stored)
                    columns.append(cells.reshape(rows, *shape))
            yield columns

    def _check(self, at: int, array: Array) -> None:
        shape = self._shapes[at]
        if shape not in (None, array.shape[1:]):
            raise UnacceptableAnswer(got=media_types.NPY, supported=(media_types.JSON,))
        self._shapes[at] = array.shape[1:]
        if array.dtype.kind == "i" and array.size and array.min() < 0:
            self._negative.add(at)

    def _type(self, at: int) -> np.dtype[Any]:
        found = [known[at] if at < len(known) else None for _, known in self._parts]
        dtypes = [dtype for dtype in found if dtype is not None]
        whole = npy_codec.common_dtype(dtypes, is_negative=at in self._negative)
        is_gapped = len(dtypes) < len(found)
        return np.dtype(np.float64) if is_gapped and whole.kind in "biu" else whole


def _array_of(cells: Sequence[Any]) -> Array | None:
    first = next((cell for cell in cells if cell is not None), None)
    if first is None:
        return None
    missing = _missing(first)
    return npy_codec.array_of([missing if cell is None else cell for cell in cells])


def _missing(cell: Any) -> Any:
    """A missing cell in the shape of another one."""
    return list(map(_missing, cell)) if isinstance(cell, list) else None
