"""JSON that is nothing but rows of numbers, read without making an object of each number.

For 100 rows of 64 numbers this takes a quarter of the time. It does not read named columns,
records, missing cells, integers beyond a float's digits, or anything wrong. These bodies are read
by inference.rows.formats.json_codec and inference.rows.numeric, which name the place of an error.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import simdjson

from inference.rows.formats.json_rows import NAMES
from inference.rows.row_types import Array

#: A parser keeps memory for its longest body. Longer bodies than this get a new parser.
_KEPT_BYTES = 64 * 1024
#: First bytes that are read here. No byte order mark: some parsers skip it, others refuse it.
_BEGINNINGS = frozenset(b"[{ \t\r\n")

#: What a list of objects begins with.
_RECORDS = b"[{"


class _Local(threading.local):
    def __init__(self) -> None:
        self.parser = simdjson.Parser()


_local = _Local()


def read(body: bytes, *, features: int | None) -> Array | None:
    """Float64, shape (rows, features), from equally long lists, alone or under one of NAMES.

    None if the body is, or may be, anything else.
    """
    if body[0] not in _BEGINNINGS or body[:2] == _RECORDS:
        return None
    parser = _local.parser if len(body) <= _KEPT_BYTES else simdjson.Parser()
    try:
        return _numbers(_rows(parser.parse(body)), body.count(b"["), features)
    except (ValueError, TypeError, RuntimeError):
        return None


def _numbers(rows: Any, brackets: int, features: int | None) -> Array | None:
    """None if rows have different widths, another one than `features`, or lists within them."""
    count = len(rows)
    # The numbers of a list within a row would be read as the row's own.
    if not count or brackets != count + 1:
        return None
    widths = {len(row) for row in rows}
    if len(widths) > 1 or features not in (None, *widths) or 0 in widths:
        return None
    return np.frombuffer(rows.as_buffer(of_type="d")).reshape(count, -1)


def _rows(document: Any) -> Any:
    """Raises TypeError where there are none."""
    if isinstance(document, simdjson.Object):
        (name,) = document
        if name not in NAMES:
            raise TypeError
        document = document[name]
    if not isinstance(document, simdjson.Array):
        raise TypeError
    return document
