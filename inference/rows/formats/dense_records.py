"""JSON records that all have the same names in the same order, and nothing but numbers.

The names are blanked out, so that simdjson reads the numbers without making an object of each cell.
It accepts less than inference.rows.formats.json_rows, and reads the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import simdjson

from inference.rows.row_types import Array

#: Below, parsing the records is as fast.
MIN_RECORDS = 4

_QUOTE, _COLON, _COMMA, _BRACE, _SPACE = b'":,{ '
_BRACES = bytes.maketrans(b"{}", b"[]")


def read(records: Sequence[bytes]) -> tuple[tuple[str, ...], Array] | None:
    """The names, and float64, shape (records, names). `records`: each a JSON text.

    None if the records are, or may be, anything else.
    """
    if len(records) < MIN_RECORDS or not _are_flat(records):
        return None
    text = b"[%b]" % b",".join(records)
    found = _blanked(text, len(records))
    if found is None:
        return None
    names, numbers = found
    try:
        # A new parser: it would keep memory for its longest text.
        rows: Any = simdjson.Parser().parse(numbers)
        if any(len(row) != len(names) for row in rows):
            return None
        values = np.frombuffer(rows.as_buffer(of_type="d"))
        return names, values.reshape(len(records), len(names))
    except (ValueError, TypeError, RuntimeError):
        return None


def _are_flat(records: Sequence[bytes]) -> bool:
    """Whether each text has one opening brace, at its beginning, and one closing, at its end."""
    text = b"\n".join(records)
    if any(byte in text for byte in (b"\\", b"[", b"]")):
        return False
    return (
        text.count(b"{") == text.count(b"}") == len(records)
        and text.count(b"\n{") == text.count(b"}\n") == len(records) - 1
        and text[:1] == b"{"
        and text[-1:] == b"}"
    )


def _blanked(text: bytes, count: int) -> tuple[tuple[str, ...], bytes] | None:
    """The names of the first record, and all records as lists without names.

    None unless all have the same names, each behind a brace or comma and before a colon.
    """
    letters = np.frombuffer(text, np.uint8)
    quotes = letters == _QUOTE
    places = np.flatnonzero(quotes)
    width, rest = divmod(len(places), 2 * count)
    if rest or not width or text.count(b":") != width * count:
        return None
    starts, ends = places[::2], places[1::2]
    if (letters[ends + 1] != _COLON).any() or not _follow(letters, starts.reshape(count, width)):
        return None
    # From each opening quote to the colon behind the closing one.
    named = np.bitwise_xor.accumulate(quotes.view(np.uint8))
    named[ends] = named[ends + 1] = 1
    found = letters[named.view(bool)].tobytes()
    first = found[: len(found) // count]
    names = _names(first)
    if len(names) != width or first * count != found:
        return None
    return names, np.where(named.view(bool), _SPACE, letters).tobytes().translate(_BRACES)


def _follow(letters: Array, starts: Array) -> bool:
    """Whether a record's first name follows its brace, and each other one a comma."""
    before = letters[starts - 1]
    before = np.where(before == _SPACE, letters[starts - 2], before)
    return bool((before[:, 0] == _BRACE).all() and (before[:, 1:] == _COMMA).all())


def _names(text: bytes) -> tuple[str, ...]:
    """The names in `"a":"b":`; none if one is wrong or stands twice."""
    try:
        names = text.decode()[1:-2].split('":"')
    except UnicodeDecodeError:
        return ()
    if len(set(names)) < len(names) or min(text) < _SPACE:
        return ()
    return tuple(names)
