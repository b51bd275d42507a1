"""How much memory reading a body may take, known before it is read.

Few bytes may hold many cells: a byte of CSV, a cell; three bytes of JSON, a record of all columns.
So the separators are counted (0.3 ms a MiB) where a text has more cells than its bytes suggest.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from inference.errors import MalformedInput
from inference.limits import Limits
from inference.rows import media_types
from inference.rows.formats import npy_reader
from inference.rows.row_types import Array
from inference.rows.schema import Schema

#: Bytes of memory that a byte of a body takes, together with the rows made of it: an array of
#: numbers, or typed columns (measured: 4 for texts of 16 characters in CSV).
MEMORY_PER_BYTE, MEMORY_PER_TYPED_BYTE = 4, 7
#: Bytes of memory that a cell takes, and a row beside its cells. A text is 16 bytes and a number 8,
#: of which there are two copies while the parts of a body are joined, or while a model that may
#: write into its rows answers; so is the number of a row.
#: The rest is for parsing.
MEMORY_PER_CELL = MEMORY_PER_ROW = 20

#: Bytes whose separators are counted at a time.
_PIECE_BYTES = 1024 * 1024
#: At least one of them is at each row.
_LINE_ENDS, _BRACKETS = b"\n\r", b"[{"


@dataclass(frozen=True, slots=True)
class Extent:
    """What a body holds, as far as its bytes show without parsing."""

    size: int
    #: Cells that it has without those that end a row; of .npy all.
    commas: int = 0
    #: The most rows there may be.
    rows: int = 0


def extent_of(body: bytes, form: str | None) -> Extent:
    """Of a body in one of media_types.FORMATS. Only of a text more than the size is found."""
    return measure(_pieces(body), form)


def measure(pieces: Iterable[bytes | memoryview], form: str | None) -> Extent:
    """As extent_of, for a body that comes in pieces. They are read once."""
    if form not in media_types.TEXTS:
        return _extent_of_file(iter(pieces), form)
    marks = _BRACKETS if form == media_types.JSON else _LINE_ENDS
    size = commas = rows = 0
    for piece in pieces:
        values = np.frombuffer(piece, np.uint8)
        size += len(piece)
        commas += _count(values, ord(","))
        rows += max(_count(values, mark) for mark in marks)
    return Extent(size, commas, rows)


def memory_of(extent: Extent, schema: Schema, limits: Limits) -> int:
    """Bytes of memory for a body and the rows that the schema makes of it."""
    per_byte = MEMORY_PER_BYTE if schema.kind == "array" else MEMORY_PER_TYPED_BYTE
    # A list of texts has a comma a row. More rows than MAX_ROWS are refused while they are read.
    cells = extent.commas + extent.rows
    rows = min(extent.rows + (extent.commas if schema.features == 1 else 0), limits.rows)
    if schema.features is not None:
        cells = min(max(cells, rows * schema.features), limits.rows * schema.features)
    by_cells = extent.size + cells * MEMORY_PER_CELL + rows * MEMORY_PER_ROW
    return max(extent.size * per_byte, by_cells)


def _extent_of_file(pieces: Iterator[bytes | memoryview], form: str | None) -> Extent:
    """Of a format whose bytes show its cells: those of .npy are of one size."""
    first = next(pieces, b"")
    size = len(first) + sum(map(len, pieces))
    if form != media_types.NPY:
        return Extent(size)
    with contextlib.suppress(MalformedInput):  # reading it says so
        itemsize = npy_reader.read_header(first[: npy_reader.HEADER_BYTES])[2].itemsize
        return Extent(size, size // max(1, itemsize))
    return Extent(size)


def _count(values: Array, value: int) -> int:
    return int(np.count_nonzero(values == value))


def _pieces(body: bytes) -> Iterator[memoryview]:
    view = memoryview(body)
    for start in range(0, len(view), _PIECE_BYTES):
        yield view[start : start + _PIECE_BYTES]
