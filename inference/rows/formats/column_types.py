"""The Arrow column types that are read, and the memory of their cells.

    numbers       integers, floats, decimals, booleans; null if all cells are missing
    texts         in any of Arrow's layouts
    dictionaries  of these: categories

A table that is scored may have other columns whose cells have a fixed size: dates, times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from inference.errors import InputTooLarge, MalformedInput, UnfitInput
from inference.limits import MAX_ROW_BYTES, MAX_ROW_CELLS, PART_BYTES
from inference.rows.row_types import Array

#: Of a number.
CELL_BYTES = 8
#: Of a part. A column costs much per call and little per cell. The model takes so many rows a call.
PART_CELLS = 256 * 1024
PART_ROWS = 4_000
#: Of a body's numbers, which are all in memory in the end. More parts would have to be joined.
BODY_CELLS = 1024 * 1024
#: Of a cell that is only copied to the output.
_MAX_BITS = 256

#: The ids of types. To compare them takes a tenth of the time of asking pyarrow.types one by one.
_TEXTS = frozenset(kind.id for kind in (pa.string(), pa.large_string(), pa.string_view()))
_VARIABLE = _TEXTS | {pa.binary().id, pa.large_binary().id}
_DICTIONARY = pa.dictionary(pa.int8(), pa.null()).id


def plain(kind: pa.DataType) -> pa.DataType:
    """The type of a dictionary's values, or the type itself."""
    return kind.value_type if types.is_dictionary(kind) else kind


def is_text(kind: pa.DataType) -> bool:
    return kind.id in _TEXTS


def is_view(kind: pa.DataType) -> bool:
    return bool(types.is_string_view(kind) or types.is_binary_view(kind))


def is_variable(kind: pa.DataType) -> bool:
    """Whether cells may have any size."""
    return kind.id in _VARIABLE


def are_fixed(kinds: Iterable[pa.DataType]) -> bool:
    """Whether the cells of all these have a fixed size, and stand for themselves."""
    return all(kind.id not in _VARIABLE and kind.id != _DICTIONARY for kind in kinds)


def require_flat(fields: Mapping[str, pa.DataType]) -> None:
    """Raises UnfitInput for a column whose cells are nested or have no fixed size."""
    for name, kind in fields.items():
        held = plain(kind)
        if types.is_null(held) or is_variable(held):
            continue
        if types.is_nested(held) or types.is_binary_view(held) or held.bit_width > _MAX_BITS:
            raise unfit(name, kind)


def unfit(name: str, kind: pa.DataType) -> UnfitInput:
    got = str(plain(kind))[:60]
    return UnfitInput(
        field=f"column {name!r}", expected="numbers, booleans, texts or dates", got=got
    )


def rows_per_part(columns: int) -> int:
    """How many rows of so many columns a part has."""
    return max(1, min(PART_ROWS, PART_CELLS // max(1, columns)))


def cut(batch: pa.RecordBatch, rows: int | None = None) -> Iterator[pa.RecordBatch]:
    """A batch's rows in parts, of `rows` each or of rows_per_part.

    Raises InputTooLarge for a row that is too long for a part: a few
    bytes of a dictionary may stand for any number of equal cells.
    """
    width = batch.num_columns
    if width > MAX_ROW_CELLS:
        raise InputTooLarge(size=width, limit=MAX_ROW_CELLS, unit="columns", setting="fixed")
    rows, texts = rows or rows_per_part(width), _texts(batch)
    for start in range(0, len(batch), rows):
        part = batch.slice(start, rows)
        yield from _cut_by_size(part, texts) if texts else (part,)


def _cut_by_size(batch: pa.RecordBatch, texts: list[int]) -> Iterator[pa.RecordBatch]:
    sizes = np.full(len(batch), batch.num_columns * CELL_BYTES)
    for index in texts:
        sizes += _text_bytes(batch.column(index))
    if len(sizes) and sizes.max() > MAX_ROW_BYTES:
        size = int(sizes.max())
        raise InputTooLarge(size=size, limit=MAX_ROW_BYTES, unit="bytes in a row", setting="fixed")
    ends = np.cumsum(sizes)
    start = 0
    while start < len(batch):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + PART_BYTES, side="right")))
        yield batch.slice(start, stop - start)
        start = stop


def check_room(batch: pa.RecordBatch, limit: int, *, fixed: bool = False) -> int:
    """Bytes that a batch takes without dictionaries. Raises InputTooLarge beyond `limit`.

    `fixed`: are_fixed holds for its columns.
    """
    sized = [] if fixed else _texts(batch)
    texts = sum(int(_text_bytes(batch.column(index)).sum()) for index in sized)
    return check_cells(len(batch) * batch.num_columns, limit, texts=texts)


def check_cells(count: int, limit: int, *, texts: int = 0) -> int:
    """As check_room, for cells that are not read yet. `texts`: bytes of their texts."""
    size = count * CELL_BYTES + texts
    if size > limit:
        raise InputTooLarge(size=size, limit=limit, unit="unpacked bytes", setting="MAX_BODY_BYTES")
    return size


def _texts(batch: pa.RecordBatch) -> list[int]:
    """The indexes of the columns whose cells may have any size."""
    kinds = enumerate(batch.schema.types)
    return [index for index, kind in kinds if kind.id in _VARIABLE or kind.id == _DICTIONARY]


def _text_bytes(column: pa.Array) -> Array:
    """The bytes of each cell's text; 0 for a number."""
    if types.is_dictionary(column.type):
        lengths = _lengths(column.dictionary).take(column.indices)
    else:
        lengths = _lengths(column)
    sizes: Array = lengths.fill_null(0).to_numpy(zero_copy_only=False)
    return sizes


def _lengths(column: pa.Array) -> pa.Array:
    if not is_variable(column.type) or not len(column):
        return pa.nulls(len(column), pa.int64())
    if types.is_string_view(column.type):  # a view has 16 bytes, the length first
        end = column.offset + len(column)
        views = np.frombuffer(column.buffers()[1], np.int32, count=4 * end)[::4]
        missing = column.is_null().to_numpy(zero_copy_only=False)
        return pa.array(views[column.offset :], pa.int64(), mask=missing)
    return pc.binary_length(column).cast(pa.int64())


@contextmanager
def translate_errors(form: str) -> Iterator[None]:
    """pyarrow's errors within the block as MalformedInput."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise MalformedInput(f"the body can't be read as {form}: {reason}") from error
