"""What a Parquet file's pages unpack to, told before any of them is unpacked.

The footer says it too, but the reader believes each page's own header: a few kilobytes may claim,
and hold, gigabytes. So these headers are read first (Thrift's compact protocol, as the format's
specification has it; only integers and nested structures matter here).
"""

from __future__ import annotations

from typing import Any

from inference.errors import InputTooLarge, MalformedInput, UnfitInput

#: Of a page header, by field number: sizes in bytes, then one structure for each kind of page.
_UNPACKED, _PACKED = 2, 3
_DATA, _DICTIONARY, _DATA_V2 = 5, 7, 8
#: In such a structure: how many values, and how they are encoded.
_VALUES = 1
_ENCODING = {_DATA: 2, _DATA_V2: 4}
#: Texts that repeat the beginning of the one before: a page of them may unpack to any size.
_DELTA_BYTE_ARRAY = 7


def unpacked(body: bytes, chunk: Any, limit: int) -> int:
    """Bytes that a column chunk's pages, by pyarrow's metadata of it, take when unpacked.

    Raises CallerError where that passes the limit, or where the pages are not what they claim.
    """
    try:
        return _unpacked(body, chunk, limit)
    except IndexError:
        raise _malformed() from None


def _unpacked(body: bytes, chunk: Any, limit: int) -> int:
    start = chunk.data_page_offset
    if chunk.has_dictionary_page:
        start = min(start, chunk.dictionary_page_offset)
    size = values = pages = 0
    position, end = start, start + chunk.total_compressed_size
    while position < end and values < chunk.num_values:
        reader = _Compact(body, position)
        header = reader.structure()
        if min(header.get(_UNPACKED, -1), header.get(_PACKED, -1)) < 0:
            raise _malformed()
        size += header[_UNPACKED]
        if size > limit:
            raise InputTooLarge(
                size=size, limit=limit, unit="unpacked bytes", setting="MAX_BODY_BYTES"
            )
        for kind, encoding in _ENCODING.items():
            page = header.get(kind, {})
            values += max(0, page.get(_VALUES, 0))
            if page.get(encoding) == _DELTA_BYTE_ARRAY:
                raise UnfitInput(
                    field=f"column {chunk.path_in_schema!r}",
                    expected="plain or dictionary encoding",
                    got="DELTA_BYTE_ARRAY",
                )
        pages += 1
        if pages > values + 2:  # more headers than there can be anything to say about
            raise _malformed()
        position = reader.position + header[_PACKED]
    return size


def _malformed() -> MalformedInput:
    return MalformedInput("the Parquet file's pages are not what its footer says")


class _Compact:
    """Reads structures in Thrift's compact protocol."""

    _STOP, _TRUTHS, _BYTE, _INTEGERS, _BINARY, _STRUCT = 0, (1, 2), 3, (4, 5, 6), 8, 12

    def __init__(self, body: bytes, position: int) -> None:
        self._body, self.position = body, position

    def structure(self, depth: int = 0) -> dict[int, Any]:
        """Field numbers with their integers and structures."""
        fields: dict[int, Any] = {}
        number = 0
        while (head := self._byte()) != self._STOP:
            number = number + (head >> 4) if head >> 4 else self._integer()
            kind = head & 0x0F
            if kind == self._STRUCT and depth < 4:
                fields[number] = self.structure(depth + 1)
            elif kind in self._INTEGERS:
                fields[number] = self._integer()
            elif kind == self._BINARY:
                length = self._varint()
                self.position += length
            elif kind == self._BYTE:
                self.position += 1
            elif kind not in self._TRUTHS:
                raise _malformed()  # no page header has a list, a map or a double
        return fields

    def _byte(self) -> int:
        self.position += 1
        return self._body[self.position - 1]

    def _varint(self) -> int:
        value = shift = 0
        while shift < 64:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
        raise _malformed()

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
