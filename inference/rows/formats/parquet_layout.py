"""The rows and the unpacked size of a Parquet file, read before anything is unpacked.

The footer has both, but pyarrow follows each page's own header, and a few kilobytes may hold
gigabytes. So the page headers are read too. This module reads the footer itself because pyarrow
aborts the process on some damaged footers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from inference.errors import InputTooLarge, MalformedInput, UnfitInput
from inference.rows.formats import thrift

MAGIC = b"PAR1"
#: Larger footers take too long to parse.
MAX_FOOTER = 4 * 1024 * 1024

#: A page's header has 20 to 100 bytes, or more with long texts as its statistics.
_HEADER_BYTES, _MAX_HEADER_BYTES = 128, 1024 * 1024

#: Types of cells with a size: booleans, 32, 64 and 96 bits, float32 and float64. Codecs: none and
#: Snappy, which makes at most 64 bytes of 3.
_NUMBERS, _MODEST_CODECS, MOST_EXPANSION = range(6), range(2), 22

#: Field numbers of Parquet's structures: a chunk's type, codec, number of values, bytes as stored,
#: and offsets of its first page and its dictionary; a footer's schema, and how many children a
#: node of it has; a footer's row groups with their rows.
_CHUNK = dict.fromkeys((1, 4, 5, 7, 9, 11), thrift.INTEGER)
_SCHEMA, _CHILDREN = 2, 5
_LEAVES = {_SCHEMA: [{_CHILDREN: thrift.INTEGER}]}
_FOOTER = {4: [{1: [{3: _CHUNK}], 3: thrift.INTEGER}]}
#: A page's type, its bytes unpacked and as stored, and the number and encoding of its values in
#: the format's first version or in its second.
_PAGE = {
    **dict.fromkeys((1, 2, 3), thrift.INTEGER),
    5: {1: thrift.INTEGER, 2: thrift.INTEGER},
    8: {1: thrift.INTEGER, 4: thrift.INTEGER},
}

#: pyarrow's buffer of a file grows until a page is longer than what it reads for a page's header.
SHORT_PAGE = 16 * 1024

#: Encodings of texts that share a prefix with the one before. A page may unpack to any size.
_DELTA_BYTE_ARRAY = 7
_DICTIONARY_PAGE = 2
#: Encodings of indexes into a dictionary: the old name and the new one.
_INDEXES = (2, 8)


class File(Protocol):
    """As pyarrow's NativeFile: a body in memory, or a file."""

    def size(self) -> int: ...

    def read_at(self, nbytes: int, offset: int) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Chunk:
    """The pages of one column in one row group."""

    start: int
    end: int
    values: int
    #: The most bytes that the pages may take when unpacked, if that shows without their headers.
    bound: int | None


@dataclass(frozen=True, slots=True)
class Group:
    """A row group; its columns are the schema's leaves, in order."""

    rows: int
    chunks: tuple[Chunk, ...]


def read_footer(file: File) -> bytes:
    """Raises MalformedInput, InputTooLarge."""
    length = file.size()
    if length < 12 or file.read_at(4, 0) != MAGIC or file.read_at(4, length - 4) != MAGIC:
        raise MalformedInput("the body is no Parquet file, or only a part of one")
    size = int.from_bytes(file.read_at(4, length - 8), "little")
    if size > MAX_FOOTER:
        raise InputTooLarge(
            size=size, limit=MAX_FOOTER, unit="bytes in its footer", setting="fixed"
        )
    if size > length - 12:
        raise thrift.malformed()
    return file.read_at(size, length - 8 - size)


def groups(footer: bytes) -> list[Group]:
    """The row groups that a file's footer names. Raises MalformedInput."""
    try:
        found, _ = thrift.read(footer, 0, _FOOTER)
    except IndexError:
        raise thrift.malformed() from None
    return [_group(each) for each in found.get(4, ())]


def exceeds(footer: bytes, columns: int) -> int:
    """How many columns a footer's schema has if these are more than so many, else 0. It may have
    row groups of other columns, or none. Raises MalformedInput.
    """
    try:
        if _count_nodes(footer) <= columns + 1:  # the root is one too
            return 0
        found, _ = thrift.read(footer, 0, _LEAVES)
    except IndexError:
        raise thrift.malformed() from None
    leaves = sum(not each.get(_CHILDREN) for each in found.get(_SCHEMA, ()))
    return leaves if leaves > columns else 0


def _count_nodes(footer: bytes) -> int:
    """Of the schema, which stands near the beginning."""
    position = number = 0
    while head := footer[position]:
        number, kind, position = thrift.field(footer, position, head, number)
        if number == _SCHEMA:
            return thrift.list_head(footer, position)[1] if kind == thrift.LIST else 0
        position = thrift.skip(footer, position, kind)
    return 0


@dataclass(slots=True)
class Pages:
    """Bytes of the pages of a chunk."""

    #: Of all pages, when unpacked.
    size: int = 0
    dictionary: int = 0
    longest: int = 0
    #: How many values are not indexes into the dictionary.
    plain: int = 0
    #: Bytes of a file that pyarrow holds: the longest page, or all short ones in a row.
    stored: int = 0
    _short: int = 0

    @property
    def held(self) -> int:
        """Bytes that a reader of some rows at a time holds."""
        return self.dictionary + self.longest + self.stored

    def add(self, size: int, stored: int, *, is_dictionary: bool) -> None:
        self.size += size
        self._short = self._short + stored if stored < SHORT_PAGE else 0
        self.stored = max(self.stored, stored, self._short)
        if is_dictionary:
            self.dictionary += size
        else:
            self.longest = max(self.longest, size)


def unpacked(file: File, chunk: Chunk, name: str) -> Pages:
    """The size of a chunk's pages; `name` is its column's.

    Raises CallerError if the pages are not what they claim.
    """
    found = Pages()
    values = pages = 0
    position, length = chunk.start, file.size()
    while position < chunk.end and values < chunk.values:
        if position >= length:
            raise thrift.malformed()
        header, start = _page_header(file, position)
        claimed, packed = header.get(2, -1), header.get(3, -1)
        if min(claimed, packed) < 0 or packed > length - start:
            raise thrift.malformed()
        found.add(claimed, packed, is_dictionary=header.get(1) == _DICTIONARY_PAGE)
        count, encoding = _values(header, name)
        values += count
        found.plain += count if encoding not in _INDEXES else 0
        pages += 1
        if pages > values + 2:  # more headers than pages
            raise thrift.malformed()
        position = start + packed
    return found


def _page_header(file: File, position: int) -> tuple[dict[int, Any], int]:
    """The header of the page at `position`, and where the page's data begins."""
    size = _HEADER_BYTES
    while True:
        content = file.read_at(size, position)
        try:
            header, end = thrift.read(content, 0, _PAGE)
            return header, position + end
        except IndexError:
            if len(content) < size or size >= _MAX_HEADER_BYTES:
                raise thrift.malformed() from None
            size *= 16


def _values(header: dict[int, Any], name: str) -> tuple[int, int]:
    """How many values a page has, and their encoding; none if it is no page of data."""
    page, encoding = (header[8], 4) if 8 in header else (header.get(5, {}), 2)  # by version
    if page.get(encoding) == _DELTA_BYTE_ARRAY:
        raise UnfitInput(
            field=f"column {name!r}",
            expected="plain or dictionary encoding",
            got="DELTA_BYTE_ARRAY",
        )
    return max(0, page.get(1, 0)), page.get(encoding, -1)


def _group(found: dict[int, Any]) -> Group:
    rows = found.get(3, -1)
    if rows < 0:
        raise thrift.malformed()
    return Group(rows, tuple(_chunk(each.get(3, {})) for each in found.get(1, ())))


def _chunk(found: dict[int, Any]) -> Chunk:
    start, dictionary = found.get(9, -1), found.get(11, 0)
    if 0 < dictionary < start:
        start = dictionary
    size = found.get(7, -1)
    if min(start, size) < 0:
        raise thrift.malformed()
    is_bounded = found.get(1) in _NUMBERS and found.get(4) in _MODEST_CODECS
    bound = size * MOST_EXPANSION if is_bounded else None
    return Chunk(start, start + size, found.get(5, -1), bound)
