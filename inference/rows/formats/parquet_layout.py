"""The rows and the unpacked size of a Parquet file, read before anything is unpacked.

The footer has both, but pyarrow follows each page's own header, and a few kilobytes may hold
gigabytes. So the page headers are read too. This module reads the footer itself because pyarrow
aborts the process on some damaged footers.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable
from dataclasses import dataclass

from inference.errors import InputTooLarge, MalformedInput, UnfitInput
from inference.rows.formats import thrift

#: A file's bytes, or the file itself.
Body = bytes | mmap.mmap

MAGIC = b"PAR1"
#: Larger footers take too long to parse.
MAX_FOOTER = 4 * 1024 * 1024

#: Values in a page's header; Parquet defines some thirty.
MAX_HEADER_VALUES = 1_000

#: Encodings of texts that share a prefix with the one before. A page may unpack to any size.
_DELTA_BYTE_ARRAY = 7
_DICTIONARY_PAGE = 2


@dataclass(frozen=True, slots=True)
class Chunk:
    """The pages of one column in one row group."""

    start: int
    end: int
    values: int


@dataclass(frozen=True, slots=True)
class Group:
    """A row group; its columns are the schema's leaves, in order."""

    rows: int
    chunks: tuple[Chunk, ...]


def groups(body: Body) -> list[Group]:
    """The row groups that a file's footer names. Raises MalformedInput, InputTooLarge."""
    if len(body) < 12 or not (body[:4] == MAGIC == body[-4:]):
        raise MalformedInput("the body is no Parquet file, or only a part of one")
    size = int.from_bytes(body[-8:-4], "little")
    if size > MAX_FOOTER:
        raise InputTooLarge(
            size=size, limit=MAX_FOOTER, unit="bytes in its footer", setting="fixed"
        )
    if size > len(body) - 12:
        raise thrift.malformed()
    footer = body[-8 - size : -8]
    found = _checked(thrift.Reader(footer, 0, room=size).structure)
    return [_group(each) for each in found.structures(4)]


@dataclass(slots=True)
class Pages:
    """Bytes that the pages of a chunk take when unpacked."""

    #: Of all pages.
    size: int = 0
    dictionary: int = 0
    longest: int = 0

    @property
    def held(self) -> int:
        """Bytes of the pages that a reader of some rows at a time holds."""
        return self.dictionary + self.longest

    def add(self, size: int, *, is_dictionary: bool) -> None:
        self.size += size
        if is_dictionary:
            self.dictionary += size
        else:
            self.longest = max(self.longest, size)


def unpacked(body: Body, chunk: Chunk, name: str) -> Pages:
    """The size of a chunk's pages; `name` is its column's.

    Raises CallerError if the pages are not what they claim.
    """
    found = Pages()
    values = pages = 0
    position = chunk.start
    while position < chunk.end and values < chunk.values:
        reader = thrift.Reader(body, position, room=MAX_HEADER_VALUES)
        header = _checked(reader.structure)
        claimed, packed = header.integer(2), header.integer(3)
        if min(claimed, packed) < 0:
            raise thrift.malformed()
        found.add(claimed, is_dictionary=header.integer(1) == _DICTIONARY_PAGE)
        values += _values(header, name)
        pages += 1
        if pages > values + 2:  # more headers than pages
            raise thrift.malformed()
        position = reader.position + packed
    return found


def _values(header: thrift.Structure, name: str) -> int:
    """How many values a page of data has, in the format's first version or in its second."""
    values = 0
    for page, encoding in ((header.structure(5), 2), (header.structure(8), 4)):
        values += max(0, page.integer(1))
        if page.integer(encoding) == _DELTA_BYTE_ARRAY:
            raise UnfitInput(
                field=f"column {name!r}",
                expected="plain or dictionary encoding",
                got="DELTA_BYTE_ARRAY",
            )
    return values


def _group(found: thrift.Structure) -> Group:
    rows = found.integer(3)
    if rows < 0:
        raise thrift.malformed()
    return Group(rows, tuple(_chunk(each.structure(3)) for each in found.structures(1)))


def _chunk(found: thrift.Structure) -> Chunk:
    start, dictionary = found.integer(9), found.integer(11)
    if 0 < dictionary < start:
        start = dictionary
    size = found.integer(7)
    if min(start, size) < 0:
        raise thrift.malformed()
    return Chunk(start, start + size, found.integer(5))


def _checked[T](read: Callable[[], T]) -> T:
    try:
        return read()
    except IndexError:
        raise thrift.malformed() from None
