"""The messages of an Arrow stream or file, each measured before its buffers are unpacked.

A message is 0xFFFFFFFF, the size of its metadata (a FlatBuffer), that metadata, and a body. A
compressed buffer begins with its unpacked size, which pyarrow does not check.

A file is a stream between `ARROW1`, padded to 8 bytes, and a footer that ends with `ARROW1`. So it
is read as a stream, without the footer.
"""

from __future__ import annotations

import struct
from collections.abc import Buffer
from typing import Protocol

from inference.errors import InputTooLarge, MalformedInput
from inference.rows.formats.column_types import CELL_BYTES

_MARK = b"\xff\xff\xff\xff"
_SCHEMA, _DICTIONARY_BATCH, _RECORD_BATCH = 1, 2, 3
FILE_MAGIC = b"ARROW1"
#: By number, as pyarrow calls them.
_COMPRESSIONS = ("lz4", "zstd")
#: Of a file's footer, read at a time.
_READ_BYTES = 64 * 1024


class Source(Protocol):
    """The source of a stream: a file, or a body in memory."""

    def read(self, size: int, /) -> bytes | memoryview: ...


class BodySource:
    """A body in memory. Reading returns views of it, not copies."""

    def __init__(self, body: bytes) -> None:
        self._rest = memoryview(body)

    def read(self, size: int, /) -> memoryview:
        read, self._rest = self._rest[:size], self._rest[size:]
        return read


class Messages:
    """The file object that pyarrow reads: whole messages of `source`, none larger than `limit`.

    No batch has more than `limit` rows either, since rows without columns take no bytes.
    `max_columns`: how many columns the table may have, if there is a limit.
    """

    closed = False

    def __init__(self, source: Source, limit: int, max_columns: int | None = None) -> None:
        self._source, self._limit, self._max_columns = source, limit, max_columns
        #: The rest of the last message, in parts, to save a copy.
        self._left: list[memoryview] = []
        #: Bytes that the messages so far unpack to, without dictionaries.
        self._unpacked = 0
        self._begun = self._ended = False
        #: Known once something is read: whether it is a file, and how batches are compressed.
        self.is_file = False
        self.compression: str | None = None

    def read(self, size: int) -> memoryview:
        if size and not self._left:
            self._left = [memoryview(part) for part in self._message() if part]
        if not self._left:
            return memoryview(b"")
        if size > len(self._left[0]):
            self._left = [memoryview(b"".join(self._left))]
        first = self._left.pop(0)
        given, rest = first[:size], first[size:]
        if rest:
            self._left.insert(0, rest)
        return given

    def unpacked_size(self) -> int:
        """Bytes that all messages unpack to. Reads the source to its end. Raises CallerError."""
        while self._message():
            pass
        return self._unpacked

    def _message(self) -> list[bytes | memoryview]:
        """The next message in parts; no parts at the end of the source."""
        prefix = self._prefix()
        if not prefix and self._may_end:
            return []
        if len(prefix) < 8 or prefix[:4] != _MARK:
            raise _malformed()
        size = int.from_bytes(prefix[4:], "little")
        if size == 0:
            self._ended = True
            if self.is_file:
                self._read_footer()
            return [prefix]
        metadata = self._exactly(size)
        try:
            body = self._exactly(_body_size(metadata))
            rows, columns, unpacked, compression = _measured(metadata, body)
        except struct.error:
            raise _malformed() from None
        self._check_counts(rows, columns, unpacked)
        self.compression = compression or self.compression
        self._unpacked += max(len(body), unpacked, rows * columns * CELL_BYTES)
        return [prefix, metadata, body]

    @property
    def _may_end(self) -> bool:
        """Whether the source may end here: a stream may, a file ends with its footer."""
        return self._ended or not self.is_file

    def _prefix(self) -> bytes | memoryview:
        prefix = self._source.read(8)
        if not self._begun:
            self._begun = True
            if not prefix:
                raise MalformedInput("the input is empty")
            self.is_file = prefix[:6] == FILE_MAGIC
            if self.is_file:
                prefix = self._source.read(8)
        return prefix

    def _read_footer(self) -> None:
        end = b""
        while content := self._source.read(_READ_BYTES):
            end = (end + bytes(content[-6:]))[-6:]
        if end != FILE_MAGIC:
            raise _malformed()

    def _exactly(self, size: int) -> bytes | memoryview:
        self._check(size, "bytes in a message")
        content = self._source.read(size)
        if len(content) < size:
            raise _malformed()
        return content

    def _check_counts(self, rows: int, columns: int, unpacked: int) -> None:
        self._check(rows, "rows in a batch")
        self._check(unpacked, "unpacked bytes")
        most = self._max_columns
        if most is not None and columns > most:
            raise InputTooLarge(size=columns, limit=most, unit="columns", setting="fixed")

    def _check(self, size: int, unit: str) -> None:
        if size > self._limit:
            raise InputTooLarge(size=size, limit=self._limit, unit=unit, setting="MAX_BODY_BYTES")
        if size < 0:
            raise _malformed()


def _malformed() -> MalformedInput:
    return MalformedInput("the Arrow stream or file is cut short, or it is none")


def _body_size(metadata: Buffer) -> int:
    return _message_table(metadata).integer(3, "<q")


def _measured(metadata: Buffer, body: Buffer) -> tuple[int, int, int, str | None]:
    """Rows of a batch, its columns, the bytes that its packed buffers take when unpacked, and their
    compression. Of a schema, the columns.
    """
    message = _message_table(metadata)
    kind = message.integer(1, "<B")
    if kind == _SCHEMA:
        return 0, message.table(2).length(1), 0, None
    if kind not in (_DICTIONARY_BATCH, _RECORD_BATCH):
        return 0, 0, 0, None
    batch = message.table(2)
    if kind == _DICTIONARY_BATCH:
        batch = batch.table(1)
    rows, columns = batch.integer(0, "<q"), batch.length(1)
    if not batch.has(3):
        return rows, columns, 0, None
    sizes = [
        struct.unpack_from("<q", body, offset)[0] for offset, length in batch.pairs(2) if length
    ]
    # -1 means that a buffer is not compressed.
    codec = batch.table(3).integer(0, "<b")
    if not 0 <= codec < len(_COMPRESSIONS):
        raise _malformed()
    return rows, columns, sum(size for size in sizes if size > 0), _COMPRESSIONS[codec]


def _message_table(metadata: Buffer) -> _Table:
    return _Table(metadata, struct.unpack_from("<I", metadata)[0])


class _Table:
    """A FlatBuffer's table: fields by number, absent ones left out. Raises struct.error."""

    def __init__(self, buffer: Buffer, position: int) -> None:
        self._buffer, self._position = buffer, position
        self._vtable = position - self._at("<i", position)
        self._size = self._at("<H", self._vtable)

    def has(self, field: int) -> bool:
        return self._offset(field) != 0

    def integer(self, field: int, form: str) -> int:
        return self._at(form, self._position + self._offset(field)) if self.has(field) else 0

    def table(self, field: int) -> _Table:
        return _Table(self._buffer, self._target(field))

    def length(self, field: int) -> int:
        """How many items a vector has."""
        return self._at("<I", self._target(field)) if self.has(field) else 0

    def pairs(self, field: int) -> list[tuple[int, int]]:
        """A vector of structures of two 64-bit integers."""
        start = self._target(field)
        count = self._at("<I", start)
        numbers = struct.unpack_from(f"<{2 * count}q", self._buffer, start + 4)
        return list(zip(numbers[::2], numbers[1::2], strict=True))

    def _target(self, field: int) -> int:
        if not self.has(field):
            raise struct.error
        start = self._position + self._offset(field)
        return start + self._at("<I", start)

    def _offset(self, field: int) -> int:
        place = 4 + 2 * field
        return self._at("<H", self._vtable + place) if place < self._size else 0

    def _at(self, form: str, position: int) -> int:
        if position < 0:
            raise struct.error
        number: int = struct.unpack_from(form, self._buffer, position)[0]
        return number
