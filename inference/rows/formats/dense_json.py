"""JSON that is nothing but rows of numbers, read without making an object of each number.

For 100 rows of 64 numbers this takes a quarter of the time. It does not read named columns,
records, missing cells, integers beyond a float's digits, or anything wrong. These bodies are read
by inference.rows.formats.json_codec and inference.rows.numeric, which name the place of an error.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import simdjson

from inference.rows.formats.json_rows import NAMES
from inference.rows.row_types import Array

#: A parser keeps memory for its longest body. Longer bodies than this get a new parser.
_KEPT_BYTES = 64 * 1024
#: Of so many bytes or more, NumPy counts brackets in a quarter of the time.
_FEW_BYTES = 8 * 1024
#: First bytes that are read here. No byte order mark: some parsers skip it, others refuse it.
_BEGINNINGS = frozenset(b"[{ \t\r\n")

#: What a list of objects begins with.
_RECORDS = b"[{"

#: A long body is parsed so many bytes at a time, and the rest of a row of up to as many.
_PIECE_BYTES = 128 * 1024
_SPACE = rb"[ \t\r\n]*+"
_NAME = rb"\{%b\"(?:%b)\"%b:%b" % (_SPACE, "|".join(NAMES).encode(), _SPACE, _SPACE)
#: What stands before and after the rows of a body that is read in pieces, and between two rows.
_BEFORE = re.compile(rb"%b(%b)?\[" % (_SPACE, _NAME))
_AFTER = re.compile(rb"\]%b(\})?%b\Z" % (_SPACE, _SPACE))
_COMMA = re.compile(rb"%b," % _SPACE)
#: Bytes in which _AFTER is searched.
_AFTER_BYTES = 64


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
        return _numbers(_rows(parser.parse(body)), _brackets(body), features)
    except (ValueError, TypeError, RuntimeError):
        return None


def read_long(body: bytes, *, features: int | None) -> Iterator[Array | None]:
    """As `read`, piece by piece, so that no call of the parser takes long.

    A piece is cut at a bracket and a comma. Where each piece is a list of rows without lists within
    them, the whole body is one. The last item is None if it is, or may be, anything else.
    """
    before = _BEFORE.match(body)
    after = _AFTER.search(body, max(0, len(body) - _AFTER_BYTES))
    if before is None or after is None or (before[1] is None) is not (after[1] is None):
        yield None
        return
    start, end, more = before.end(), after.start(), True
    while more:
        cut = body.find(b"]", start + _PIECE_BYTES, end) + 1
        comma = _COMMA.match(body, cut, end) if cut else None
        more = comma is not None
        stop = cut if more else end
        if stop - start > 2 * _PIECE_BYTES:
            yield None
            return
        values = read(b"[%b]" % body[start:stop], features=features)
        yield values
        if values is None:
            return
        features = values.shape[1]
        start = comma.end() if comma else end


def _brackets(body: bytes) -> int:
    if len(body) < _FEW_BYTES:
        return body.count(b"[")
    return int(np.count_nonzero(np.frombuffer(body, np.uint8) == ord("[")))


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
