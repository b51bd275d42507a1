"""Cells of boolean, text, category and date columns. `text`: cells are texts, as in CSV."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Sequence
from string import whitespace
from typing import Any

import numpy as np

from inference.rows.numeric import may_be_rounded
from inference.rows.row_types import Array, parse_number
from inference.rows.schema import Column, Unseen
from inference.rows.typed_rows import MISSING_CODE, TEXT_DTYPE, storage

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
#: The usual spellings in CSV; other ones are read one by one.
_BOOLEAN_CODES: dict[object, int] = {
    None: MISSING_CODE,
    **{
        spelled: int(value)
        for word, value in _BOOLEANS.items()
        for spelled in (word, word.title(), word.upper())
    },
}
_CODES: dict[object, int] = {None: MISSING_CODE, True: 1, False: 0}
_NONE = type(None)


class BooleanCells:
    """True, False, or missing, as int8."""

    placeholder = False

    def __init__(self, column: Column, *, text: bool) -> None:
        del column
        self._text = text

    def whole(self, cells: Sequence[Any]) -> Array:
        if not self._text and not set(map(type, cells)) <= {bool, _NONE}:
            raise TypeError
        codes = _BOOLEAN_CODES if self._text else _CODES
        return np.array([codes[cell] for cell in cells], np.int8)

    def one(self, cell: Any) -> bool:
        if self._text:
            return _BOOLEANS[cell.strip(whitespace).lower()]
        if not isinstance(cell, bool):
            raise TypeError
        return cell

    def column(self, values: list[Any]) -> Array:
        return np.array([_CODES[value] for value in values], np.int8)


class TextCells:
    """Texts; a missing one is NaN."""

    placeholder = ""

    def __init__(self, column: Column, *, text: bool) -> None:
        del column, text

    def whole(self, cells: Sequence[Any]) -> Array:
        types = set(map(type, cells))
        if not types <= {str, _NONE}:
            raise TypeError
        return self.column(list(cells)) if _NONE in types else np.array(cells, TEXT_DTYPE)

    def one(self, cell: Any) -> str:
        if not isinstance(cell, str):
            raise TypeError
        cell.encode()  # raises for half of a surrogate pair
        return cell

    def column(self, values: list[Any]) -> Array:
        return np.array([math.nan if value is None else value for value in values], TEXT_DTYPE)


class CategoryCells:
    """Values of the column's categories, as their positions.

    A number in CSV may be spelled in any way: `1`, `1.0`. An unseen category is wrong, or missing
    where `unseen` says so.
    """

    placeholder = 0

    def __init__(self, column: Column, *, text: bool, unseen: Unseen) -> None:
        values = column.categories or ()
        self._text = text and not any(isinstance(value, str) for value in values)
        self._booleans = any(isinstance(value, bool) for value in values)
        self._codes: dict[object, int] = {value: code for code, value in enumerate(values)}
        self._unseen_is_missing = unseen == "missing"
        #: Whether a float may stand for several categories, or for one and no other.
        self._long = any(may_be_rounded(float(value)) for value in values if type(value) is int)

    def whole(self, cells: Sequence[Any]) -> Array:
        if self._text or self._booleans or self._unseen_is_missing or self._long:
            raise TypeError
        if bool in set(map(type, cells)):  # True would be found as 1
            raise TypeError
        codes: dict[object, int] = {None: MISSING_CODE, **self._codes}
        return np.array([codes[cell] for cell in cells], np.int32)

    def one(self, cell: Any) -> int | None:
        value = self._value(cell)
        if self._long and may_be_rounded(value):
            raise ValueError
        if isinstance(value, bool) is not self._booleans or value not in self._codes:
            if self._unseen_is_missing:
                return None
            raise ValueError
        return self._codes[value]

    def column(self, values: list[Any]) -> Array:
        codes = [MISSING_CODE if value is None else value for value in values]
        return np.array(codes, np.int32)

    def _value(self, cell: Any) -> Any:
        if not self._text:
            return cell
        if self._booleans:
            return _BOOLEANS.get(cell.strip(whitespace).lower(), cell)
        try:
            return parse_number(cell)
        except ValueError:
            return cell


#: The digits of a second behind its microseconds.
_FINER = re.compile(r"[.,]\d{6}(\d+)")
#: Of a date and time without a zone. A shorter text has no finer digits.
_MICROSECONDS_LENGTH = len("2024-02-29T12:00:00.123456")


class DateCells:
    """ISO 8601 dates and times, as datetime64; with a time zone: UTC."""

    placeholder = np.datetime64("1970-01-01")

    def __init__(self, column: Column, *, text: bool) -> None:
        del text
        self._storage = storage(column)
        self._zoned = "," in column.pandas_dtype

    def whole(self, cells: Sequence[Any]) -> Array:
        return self.column([None if cell is None else self.one(cell) for cell in cells])

    def one(self, cell: Any) -> np.datetime64:
        if not isinstance(cell, str):
            raise TypeError
        moment = dt.datetime.fromisoformat(cell.strip(whitespace))
        if (moment.tzinfo is not None) is not self._zoned:
            raise ValueError
        if self._zoned:
            moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
        found = np.datetime64(moment, "us")
        stored = found.astype(self._storage)
        if stored != found:  # beyond the range, or digits are lost
            raise ValueError
        # fromisoformat leaves out the digits behind microseconds.
        more = _FINER.search(cell) if len(cell) > _MICROSECONDS_LENGTH else None
        return stored if more is None else self._finer(stored, more[1])

    def column(self, values: list[Any]) -> Array:
        moments = [np.datetime64("NaT", "s") if value is None else value for value in values]
        return np.array(moments, self._storage)

    def _finer(self, moment: np.datetime64, digits: str) -> np.datetime64:
        """The moment with the digits of its second behind the sixth. Raises ValueError if they are
        lost.
        """
        nanoseconds = int(digits[:3].ljust(3, "0"))
        if digits[3:].strip("0") or (nanoseconds and np.datetime_data(self._storage)[0] != "ns"):
            raise ValueError
        return moment + np.timedelta64(nanoseconds, "ns") if nanoseconds else moment
