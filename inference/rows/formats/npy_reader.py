"""The rows of a .npy array: a body in memory, or a blob in a file on disk.

Objects are refused, and sizes are checked before memory is allocated.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterator
from typing import IO, Any

import numpy as np

from inference.errors import MalformedInput, UnfitInput
from inference.limits import rows_per_part
from inference.rows import coercion
from inference.rows.formats.gathering import Part
from inference.rows.row_types import Array, Rows
from inference.rows.schema import Schema

#: Reads so many bytes from a position on.
ReadAt = Callable[[int, int], bytes | memoryview]

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
#: A header as np.save writes it, of an array with one or two dimensions.
_USUAL_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00(..)\{'descr': '([<>|](?:f[248]|[iu][1248]|b1))',"
    rb" 'fortran_order': (True|False),"
    rb" 'shape': \((0|[1-9]\d{0,14}),(?: (0|[1-9]\d{0,14}))?\), \} *\n",
    re.DOTALL,
)
#: Of a header: NumPy refuses longer ones too.
HEADER_BYTES = 10_000 + 12
_MAX_LENGTH = 2**48


class NumbersPart(Part):
    """Consecutive rows of the array, as they came."""

    def __init__(self, originals: Array) -> None:
        self.originals = originals

    def coerce(self, schema: Schema, *, first: int) -> Rows:
        return coercion.coerce_array(self.originals, schema, first=first)


class NpyReader:
    """An array of real numbers, shape (rows, features) or (rows,). Raises CallerError."""

    def __init__(self, read_at: ReadAt, size: int) -> None:
        self._read_at = read_at
        self.shape, self._by_column, self.dtype, self._start = read_header(
            read_at(0, min(size, HEADER_BYTES))
        )
        self._check(size - self._start)

    def __len__(self) -> int:
        return int(self.shape[0])

    def parts(self, schema: Schema, *, whole: bool = False) -> Iterator[NumbersPart]:
        """The rows, at least one part. `whole`: in one part if the model takes an array."""
        width = self.shape[1] if len(self.shape) > 1 else 1
        is_one = whole and schema.kind == "array"
        rows = max(1, len(self)) if is_one else rows_per_part(width)
        for start in range(0, max(1, len(self)), rows):
            yield NumbersPart(self._rows(start, min(start + rows, len(self))))

    def _rows(self, start: int, stop: int) -> Array:
        count, items = stop - start, self.shape[1:]
        if not self._by_column:
            width = math.prod(items)
            return self._numbers(start * width, count * width).reshape(count, *items)
        columns = [self._numbers(len(self) * at + start, count) for at in range(math.prod(items))]
        return np.stack(columns, axis=1).reshape(count, *items)

    def _numbers(self, first: int, count: int) -> Array:
        size = self.dtype.itemsize
        found = self._read_at(self._start + first * size, count * size)
        return np.frombuffer(found, self.dtype, count)

    def _check(self, present: int) -> None:
        shape, dtype = self.shape, self.dtype
        if dtype.kind not in "fiub" or dtype.itemsize > 8:
            raise UnfitInput(field="dtype", expected="numbers of at most 64 bits", got=str(dtype))
        promised = math.prod(shape) * dtype.itemsize
        if promised != present or min(shape, default=0) < 0:
            raise MalformedInput(
                f"the .npy header promises {promised:,} bytes of numbers, the body has {present:,}"
            )
        if len(shape) not in (1, 2) or 0 in shape[1:] or max(shape) > _MAX_LENGTH:
            raise UnfitInput(
                field="shape",
                expected="(rows, features), at least one feature",
                got=str(shape)[:60],
            )


def read_header(start: bytes | memoryview) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """The shape, whether columns come one after the other, the dtype, and where the numbers begin.

    Raises MalformedInput.
    """
    usual = _USUAL_HEADER.match(start)
    if usual is not None and usual.end() == 10 + int.from_bytes(usual[1], "little"):
        shape = tuple(int(length) for length in usual.groups()[3:] if length is not None)
        return shape, usual[3] == b"True", np.dtype(usual[2].decode()), usual.end()
    file = io.BytesIO(start)
    try:
        shape, by_column, dtype = _HEADERS[np.lib.format.read_magic(file)](file)
    except Exception as error:  # the parser of the header, a Python literal, may raise anything
        raise MalformedInput(f"the body is not a .npy array: {error}") from error
    return shape, by_column, dtype, file.tell()


def of_body(body: bytes) -> NpyReader:
    """Its parts share the body's memory."""
    view = memoryview(body)
    return NpyReader(lambda start, size: view[start : start + size], len(body))


def of_file(file: IO[bytes], size: int) -> NpyReader:
    def read_at(start: int, size: int) -> bytes:
        file.seek(start)
        return file.read(size)

    return NpyReader(read_at, size)
