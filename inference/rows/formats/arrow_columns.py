"""Columns of Arrow, converted to the storage of typed_rows by the model's schema alone.

Numbers, categories and dates are converted without Python objects, except for wrong cells, which
their row's error shows. The values of a dictionary are read once, whatever the number of cells.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import types

from inference.rows import number_cells, numeric
from inference.rows.formats import column_types, decimal_columns
from inference.rows.number_cells import with_missing
from inference.rows.row_types import Array
from inference.rows.schema import ColumnType
from inference.rows.typed_columns import ColumnReader, ReadColumn
from inference.rows.typed_rows import INTEGER_OR_MISSING, MISSING_CODE, storage

#: Types whose cells NumPy has too.
_PLAIN_NUMBERS = frozenset(
    kind.id
    for kind in (
        *(pa.int8(), pa.int16(), pa.int32(), pa.int64()),
        *(pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
        *(pa.float16(), pa.float32(), pa.float64()),
    )
)

_INT64_MAX = 2**63 - 1

_Read = Callable[[ColumnReader, pa.Array], ReadColumn]
_IsType = Callable[[pa.DataType], bool]


def numbers(name: str, column: pa.Array) -> Array:
    """A column as an array of numbers; missing cells are NaN. Raises UnfitInput.

    It is one of objects, with None, where integers beside missing cells would lose digits.
    """
    column = decimal_columns.as_numbers(column)
    if _would_lose_digits(column):
        return np.array(column.to_pylist(), object)
    if column.type.id in _PLAIN_NUMBERS:
        plain: Array = column.to_numpy(zero_copy_only=False)
        return plain
    kind = column_types.plain(column.type)
    if types.is_null(kind):
        return np.full(len(column), np.nan)
    if not (types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind)):
        raise column_types.unfit(name, column.type)
    if column.type != kind:
        column = column.cast(kind)
    if types.is_boolean(kind):
        column = column.cast(pa.uint8())
    found: Array = column.to_numpy(zero_copy_only=False)
    return found


def _would_lose_digits(column: pa.Array) -> bool:
    if not column.null_count or not types.is_integer(column.type):
        return False
    return numeric.exceeds_floats(column.drop_null().to_numpy(zero_copy_only=False))


def cells(name: str, column: pa.Array) -> list[object]:
    """A column's cells as JSON has them. Raises UnfitInput for a type that JSON lacks."""
    kind = column_types.plain(column.type)
    if types.is_timestamp(kind) or types.is_date(kind):
        return _iso_texts(column.cast(kind))
    known = (types.is_null, types.is_boolean, types.is_integer, types.is_floating)
    if not column_types.is_text(kind) and not any(each(kind) for each in known):
        raise column_types.unfit(name, column.type)
    values: list[object] = column.cast(kind).to_pylist()
    return values


def read(reader: ColumnReader, name: str, column: pa.Array) -> ReadColumn:
    """A column in the storage of the reader's column, and its wrong cells. Raises UnfitInput."""
    kind, wanted = column_types.plain(column.type), reader.feature.type
    if wanted == "category" or (types.is_dictionary(column.type) and column_types.is_text(kind)):
        return _by_value(reader, name, column)
    if reader.takes_numbers and types.is_decimal(column.type):
        column = decimal_columns.as_numbers(column)
        kind = column.type
    for reads, takes in _READERS[wanted]:
        if any(is_one(kind) for is_one in takes):
            return reads(reader, column.cast(kind) if column.type != kind else column)
    return reader.read(cells(name, column))


def _numbers(reader: ColumnReader, column: pa.Array) -> ReadColumn:
    values = column.to_numpy(zero_copy_only=False).astype(np.float64)
    if types.is_integer(column.type) and column.null_count:
        # Through float64 twice would round some integers twice.
        values = column.fill_null(0).to_numpy(zero_copy_only=False).astype(np.float64)
        values[_nulls(column)] = np.nan
    bad = number_cells.infinite(values, reader.feature)
    if not reader.feature.missing:
        bad |= np.isnan(values)
    return _placed(values, bad, column, placeholder=0.0)


def _integers(reader: ColumnReader, column: pa.Array) -> ReadColumn:
    limits = reader.limits
    nulls = _nulls(column)
    filled = column.fill_null(0) if column.null_count else column
    values: Array = filled.to_numpy(zero_copy_only=False)
    if values.dtype.kind == "f":
        values = values.astype(np.float64)
        nulls |= np.isnan(values)
        # The limits are powers of two, save the last one: no float lies between it and the power.
        bad = ~nulls & ~((values >= limits.start) & (values < float(limits.stop)))
        bad |= ~nulls & ~bad & (values != np.floor(values))
        if not reader.takes_floats:
            bad |= ~nulls & (np.abs(values) >= numeric.EXACT_INTEGER)
        values = np.where(nulls | bad, 0, values)
        values = values.astype(np.uint64 if limits.stop > 2**63 else np.int64)
    else:
        bad = np.zeros(len(values), bool)
        if len(values) and not (
            int(values.min()) >= limits.start and int(values.max()) < limits.stop
        ):
            bad = _outside(values, limits)
            values = np.where(bad, 0, values)
    if not reader.feature.missing:
        bad |= nulls
    stored = _stored(reader, values, nulls)
    if reader.known is not None:
        bad[reader.known.unknown(stored)] = True
    return _placed(stored, bad, column, placeholder=0)


def _outside(values: Array, limits: range) -> Array:
    known = np.iinfo(values.dtype)
    low = values < max(limits.start, known.min) if limits.start > known.min else False
    high = values > limits.stop - 1 if limits.stop - 1 < known.max else False
    outside: Array = np.zeros(len(values), bool) | low | high
    return outside


def _stored(reader: ColumnReader, values: Array, nulls: Array) -> Array:
    dtype = storage(reader.feature)
    if dtype == INTEGER_OR_MISSING:
        return with_missing(values.astype(np.int64, copy=False), nulls)
    stored = values.astype(dtype)
    if dtype.kind == "f":
        stored[nulls] = np.nan
    return stored


def _booleans(reader: ColumnReader, column: pa.Array) -> ReadColumn:
    codes = column.cast(pa.int8()).fill_null(MISSING_CODE).to_numpy(zero_copy_only=False)
    bad = np.zeros(len(codes), bool) if reader.feature.missing else codes == MISSING_CODE
    return _placed(codes, bad, column, placeholder=0)


def _by_value(reader: ColumnReader, name: str, column: pa.Array) -> ReadColumn:
    """Reads each different value once."""
    if types.is_dictionary(column.type) and len(column.dictionary) > len(column):
        column = column.cast(column.type.value_type)  # most of its values may be unused
    kind = column.type
    if column_types.is_view(kind):
        column = column.cast(pa.large_string())
    if not types.is_dictionary(kind):
        column = column.dictionary_encode()
    values = cells(name, column.dictionary)
    known, wrong = reader.read([*values, None])
    codes = column.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)
    at = codes.astype(np.intp, copy=False)
    bad = np.isin(at, list(wrong)) if wrong else np.zeros(len(at), bool)
    cells_of = [*values, None]
    return known[at], {int(place): cells_of[at[place]] for place in np.flatnonzero(bad)}


def _dates(reader: ColumnReader, column: pa.Array) -> ReadColumn:
    dtype, zoned = storage(reader.feature), "," in reader.feature.pandas_dtype
    kind = column.type
    if types.is_date(kind):
        column = column.cast(pa.timestamp("s" if types.is_date32(kind) else "ms"))
    unit = column.type.unit
    nulls = _nulls(column)
    moments = column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    moments = moments.view(f"datetime64[{unit}]")
    stored = _converted(moments, dtype)
    # Digits are lost, or the moment is beyond the range.
    bad = (_converted(stored, moments.dtype) != moments) | np.isnat(stored)
    if (types.is_timestamp(kind) and kind.tz is not None) is not zoned:
        bad[:] = True
    bad &= ~nulls
    stored[nulls] = np.datetime64("NaT", "s")
    if not reader.feature.missing:
        bad |= nulls
    return _placed(stored, bad, column, placeholder=np.datetime64(0, "s"))


def _converted(moments: Array, dtype: np.dtype[Any]) -> Array:
    """Moments in another unit; NaT where they are beyond its range."""
    try:
        converted: Array = moments.astype(dtype)
    except OverflowError:
        steps = int(_one_of(moments.dtype) // _one_of(dtype))
        # NumPy rounds down with a sum that must not overflow either.
        most = _INT64_MAX // steps if steps else _INT64_MAX - 10**9
        inside = np.abs(moments.view(np.int64)) <= most
        converted = np.where(inside, moments, np.datetime64("NaT", "s")).astype(dtype)
    return converted


def _one_of(dtype: np.dtype[Any]) -> Any:
    unit: Any = np.datetime_data(dtype)[0]
    return np.timedelta64(1, unit)


def _iso_texts(column: pa.Array) -> list[object]:
    kind = column.type
    if types.is_date32(kind):  # one may be beyond the years that Python knows
        column, unit, zoned = column.cast(pa.int32()), "D", False
    else:
        column = column.cast(pa.timestamp("ms")) if types.is_date(kind) else column
        unit, zoned = column.type.unit, column.type.tz is not None
    moments = column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    texts = np.datetime_as_string(moments.view(f"datetime64[{unit}]"))
    nulls = _nulls(column)
    return [
        None if gone else text + ("+00:00" if zoned else "")
        for text, gone in zip(texts.tolist(), nulls.tolist(), strict=True)
    ]


def _placed(stored: Array, bad: Array, column: pa.Array, placeholder: Any) -> ReadColumn:
    """The column with placeholders for its wrong cells, and these."""
    places = np.flatnonzero(bad)
    if not len(places):
        return stored, {}
    stored = stored.copy()
    stored[places] = (0, False) if stored.dtype == INTEGER_OR_MISSING else placeholder
    taken = column.take(pa.array(places))
    shown = cells("", taken)
    return stored, dict(zip(places.tolist(), shown, strict=True))


def _nulls(column: pa.Array) -> Array:
    if not column.null_count:
        return np.zeros(len(column), bool)
    nulls: Array = column.is_null().to_numpy(zero_copy_only=False)
    return nulls


_NUMBERS = (types.is_integer, types.is_floating)
#: By the type of the model's column: what reads which types of Arrow at once.
_READERS: dict[ColumnType, list[tuple[_Read, tuple[_IsType, ...]]]] = {
    "integer": [(_integers, _NUMBERS)],
    "number": [(_numbers, _NUMBERS)],
    "boolean": [(_booleans, (types.is_boolean,))],
    "date": [(_dates, (types.is_timestamp, types.is_date))],
    "text": [],
    "category": [],
}
