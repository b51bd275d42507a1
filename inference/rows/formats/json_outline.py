"""Where the values of a long JSON document begin and end, found without parsing it.

A parser holds the interpreter lock during its call, and makes an object of each value. So a long
list is cut between its elements and parsed piece by piece. This module looks only at brackets,
commas and quotes; the parser decides whether a piece is JSON.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import orjson

from inference.errors import MalformedInput
from inference.limits import MAX_ROW_BYTES, MAX_ROW_CELLS
from inference.rows.row_types import Array

#: Bytes that are looked at together, and what a piece of a list comes to at least.
PIECE_BYTES = 128 * 1024
#: Most lists end within so many bytes, which are looked at first: a body may have thousands.
_SHORT_BYTES = 512
#: Members of an object that is taken apart; others are parsed whole.
MAX_MEMBERS = 1_000

_SPACE = re.compile(rb"[ \t\r\n]*")
_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_ATOM = re.compile(rb"[^\s,\]}\[{]++")
#: With this bit set, both kinds of opening brackets are one byte, and so are both closing ones.
_BRACKET_BIT, _OPENING, _CLOSING = 0x20, ord("{"), ord("}")


class Span(NamedTuple):
    """A value from its first byte to behind its last one."""

    start: int
    end: int
    #: Elements of a list, members of an object; 1 for anything else.
    length: int = 1
    #: Commas between two elements, at least PIECE_BYTES or one element apart.
    cuts: tuple[int, ...] = ()


class Outline:
    """Reads a body from its beginning to its end. Raises MalformedInput.

    `loads` parses a piece, and raises ValueError. Without a `bound` values may be of any length,
    and the longest one that is no list is parsed at once.
    """

    def __init__(
        self,
        body: bytes,
        what: str,
        *,
        loads: Callable[[bytes], Any] = orjson.loads,
        bound: int | None = MAX_ROW_BYTES,
    ) -> None:
        self._body, self._what = body, what
        self._parse, self._bound = loads, bound
        self._bytes = np.frombuffer(body, np.uint8)
        self._at = 0

    def kind(self) -> bytes:
        """The first byte of the value that comes next."""
        self._skip_space()
        return self._body[self._at : self._at + 1]

    def members(self) -> Iterator[str]:
        """The names in the object that comes next. Read the value before you go on."""
        for count, _ in enumerate(self._within(b"{", b"}")):
            if count >= MAX_MEMBERS:
                raise MalformedInput(f"{self._what} has an object of more than {MAX_MEMBERS} names")
            name = self._matched(_TEXT)
            self._expect(b":")
            yield str(self._loads(name.start, name.end))

    def items(self) -> Iterator[None]:
        """Yields once for each element of the list that comes next. Read it before you go on."""
        yield from self._within(b"[", b"]")

    def value(self) -> Span:
        """The value that comes next, of any kind."""
        kind = self.kind()
        if kind in (b"[", b"{"):
            return self._container()
        return self._matched(_TEXT if kind == b'"' else _ATOM)

    def end(self) -> None:
        if self.kind():
            raise self._malformed("the end")

    def is_list(self, span: Span) -> bool:
        return self._body[span.start : span.start + 1] == b"["

    def tree(self, depth: int = 3) -> Any:
        """The value that comes next, parsed; long lists piece by piece.

        `depth`: how many objects may enclose such a list.
        """
        begins, kind = self._at, self.kind()
        span = self.value()
        if span.end - span.start <= PIECE_BYTES or (kind == b"{" and not depth):
            return self.parsed(span)
        if kind == b"{":
            self._at = begins
            return {name: self.tree(depth - 1) for name in self.members()}
        if kind == b"[":
            return list(itertools.chain.from_iterable(self.elements(span)))
        return self.parsed(span)

    def parsed(self, span: Span) -> Any:
        """A value that is no longer than a row may be."""
        self._check_room(span.start, span.end)
        return self._loads(span.start, span.end)

    def pieces(self, span: Span) -> Iterator[tuple[bytes, int]]:
        """The elements of a list, as shorter JSON lists, each with its position in the body."""
        start = span.start + 1
        for cut in (*span.cuts, span.end - 1):
            self._check_room(start, cut)
            yield b"[" + self._body[start:cut] + b"]", start
            start = cut + 1

    def elements(self, span: Span) -> Iterator[list[Any]]:
        """The elements of a list, some at a time. Raises MalformedInput."""
        found = 0
        for piece, start in self.pieces(span):
            elements = self.loads(piece, start)
            found += len(elements)
            # A comma at the end of a piece would be one at the end of the list, or two in a row.
            if not elements and span.length:
                break
            yield elements
        if found != span.length:
            raise MalformedInput(f"{self._what} is not JSON: a comma with no value behind it")

    def loads(self, piece: bytes, start: int) -> Any:
        """Parse a piece. `start`: its position in the body."""
        try:
            return self._parse(piece)
        except (json.JSONDecodeError, RecursionError) as error:
            told, at = getattr(error, "msg", "nested too deep"), getattr(error, "pos", 0)
            raise MalformedInput(
                f"{self._what} is not JSON: {told}, at about byte {start + at:,}"
                " (NaN and infinity are no JSON: write null)"
            ) from error

    def _loads(self, start: int, end: int) -> Any:
        return self.loads(self._body[start:end], start)

    def _within(self, opening: bytes, closing: bytes) -> Iterator[None]:
        self._expect(opening)
        if self.kind() == closing:
            self._at += 1
            return
        while True:
            self.kind()
            yield
            if self.kind() == closing:
                self._at += 1
                return
            self._expect(b",")

    def _container(self) -> Span:
        start, scan = self._at, _Scan()
        if (stop := scan.look(self._bytes[start : start + _SHORT_BYTES], start)) is not None:
            return self._closed(start, stop, scan)
        scan = _Scan()
        for at in range(start, len(self._body), PIECE_BYTES):
            stop = scan.look(self._bytes[at : at + PIECE_BYTES], at)
            since = scan.cuts[-1] if scan.cuts else start
            self._check_size(since, at if stop is None else since)
            if stop is not None:
                return self._closed(start, stop, scan)
        raise self._malformed("a closing bracket before its end")

    def _closed(self, start: int, stop: int, scan: _Scan) -> Span:
        self._at = stop
        self._expect(b"]" if self._body[start : start + 1] == b"[" else b"}")
        return Span(start, self._at, self._count(scan, start), tuple(scan.cuts))

    def _count(self, scan: _Scan, start: int) -> int:
        """One more than the commas, or none in an empty container."""
        if scan.commas == 0:
            end, self._at = self._at, start + 1
            self._skip_space()
            empty, self._at = self._at == end - 1, end
            return 0 if empty else 1
        return scan.commas + 1

    def _skip_space(self) -> None:
        while True:
            found = _SPACE.match(self._body, self._at, self._at + PIECE_BYTES)
            self._at = found.end() if found else self._at
            if found is None or found.end() - found.start() < PIECE_BYTES:
                return

    def _matched(self, pattern: re.Pattern[bytes]) -> Span:
        self._skip_space()
        found = pattern.match(self._body, self._at, self._at + (self._bound or len(self._body)))
        if found is None:
            raise self._malformed(
                f"a value, of at most {MAX_ROW_BYTES:,} bytes where it is a text,"
            )
        self._at = found.end()
        return Span(found.start(), found.end())

    def _expect(self, byte: bytes) -> None:
        if self.kind() != byte:
            raise self._malformed(byte.decode())
        self._at += 1

    def _check_room(self, start: int, end: int) -> None:
        """Raises MalformedInput if a piece holds an element that is too long to be parsed."""
        if end - start <= PIECE_BYTES or self._bound is None:
            return
        self._check_size(start, end)
        cells = sum(self._body.count(each, start, end) for each in b",[{")
        if cells > MAX_ROW_CELLS + PIECE_BYTES:
            raise MalformedInput(
                f"{self._what} has a row of {cells:,} values at byte {start:,}: it may have"
                f" {MAX_ROW_CELLS:,}"
            )

    def _check_size(self, start: int, end: int) -> None:
        """Raises MalformedInput if one value has so many bytes."""
        if self._bound is not None and end - start > PIECE_BYTES + self._bound:
            raise MalformedInput(
                f"{self._what} has a value of at least {end - start:,} bytes at byte {start:,}: a"
                f" row, and what stands beside the rows, may have {self._bound:,}"
            )

    def _malformed(self, expected: str) -> MalformedInput:
        got = self._body[self._at : self._at + 1] or b"the end"
        return MalformedInput(
            f"{self._what} is not JSON: expected {expected} at byte {self._at:,}, got"
            f" {got.decode(errors='replace')}"
        )


class _Scan:
    """Follows the brackets of one value, window by window."""

    def __init__(self) -> None:
        self.commas = 0
        self.cuts: list[int] = []
        self._depth = 0
        self._quoted = False
        #: Whether a backslash at the end of the last window escapes the first byte.
        self._escaping = False

    def look(self, window: Array, at: int) -> int | None:
        """The position of the value's last bracket, or None if it is not in this window.

        `at`: the position of the window.
        """
        folded = window | _BRACKET_BIT
        opens, closes, commas = folded == _OPENING, folded == _CLOSING, window == ord(",")
        quotes = self._quotes(window)
        if self._quoted or quotes.any():
            quoted = np.bitwise_xor.accumulate(quotes.view(np.uint8))
            if self._quoted:
                quoted ^= 1
            self._quoted = bool(quoted[-1])
            bare = quoted == 0
            opens, closes, commas = opens & bare, closes & bare, commas & bare
        depths = np.cumsum(opens.view(np.int8) - closes.view(np.int8), dtype=np.int32)
        depths += self._depth
        self._depth = int(depths[-1])
        stop = int(np.argmin(depths)) if depths.min() <= 0 else None
        if stop is not None:  # the first place where all brackets are closed
            stop = int(np.flatnonzero(depths <= 0)[0])
        between = np.flatnonzero(commas[:stop] & (depths[:stop] == 1))
        self.commas += len(between)
        if len(between):
            self.cuts.append(at + int(between[-1]))
        return None if stop is None else at + stop

    def _quotes(self, window: Array) -> Array:
        """Which bytes are quotes that are not escaped."""
        quotes: Array = window == ord('"')
        slashes = window == ord("\\")
        if not self._escaping and not slashes.any():
            return quotes
        places = np.arange(len(window))
        # Backslashes in a row that end at each place: an odd number escapes the next byte.
        other = np.maximum.accumulate(np.where(slashes, -1, places))
        runs = places - other
        if self._escaping:
            runs += other == -1
        odd = (runs & 1).astype(bool)
        escaped = np.concatenate(([self._escaping], odd[:-1] & slashes[:-1]))
        self._escaping = bool(odd[-1] and slashes[-1])
        free: Array = quotes & ~escaped
        return free
