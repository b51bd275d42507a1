"""Texts in other charsets than UTF-8: they are converted to it before a reader sees them.

A byte order mark counts before a declared charset, and is removed.
"""

from __future__ import annotations

import codecs
import io
from encodings import normalize_encoding
from encodings.aliases import aliases
from typing import BinaryIO, cast

from inference.errors import MalformedInput, UnsupportedType
from inference.limits import Limits
from inference.rows.streams import READ_BYTES, Produced, Unclosed

#: Some of the charsets, for the message that refuses another one.
_EXAMPLES = ("utf-8", "utf-16", "iso-8859-1", "windows-1252")
#: Python's codecs that are no charsets, or unsafe for text that comes from outside.
_REFUSED = {
    *("base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec"),
    *("zlib_codec", "mbcs", "utf_7"),
}
#: Python looks for an unknown name in files, and remembers it for ever.
_KNOWN = {*aliases.values(), "cp720", "cp737", "cp874", "koi8_u", "utf_8_sig"} - _REFUSED
#: ASCII is a part of UTF-8. Tools say `binary` of any file.
_UTF_8 = {"utf_8", "utf_8_sig", "ascii", "binary"}

#: The first bytes of a text, and its codec. UTF-32 is first: its mark begins as UTF-16's does.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf_32_le"),
    (codecs.BOM_UTF32_BE, "utf_32_be"),
    (codecs.BOM_UTF8, None),
    (codecs.BOM_UTF16_LE, "utf_16_le"),
    (codecs.BOM_UTF16_BE, "utf_16_be"),
)
_MARK_BYTES = 4
_ALL_MARKS = tuple(mark for mark, _ in _MARKS)


def find_charset(name: str) -> str | None:
    """Python's codec for a charset; None for UTF-8. Raises UnsupportedType."""
    plain = normalize_encoding(name).lower().replace(".", "_")
    plain = aliases.get(plain, plain)
    if plain in _UTF_8:
        return None
    if plain not in _KNOWN:
        raise UnsupportedType(got=name[:40], supported=_EXAMPLES, what="charset")
    return plain


def has_mark(body: bytes) -> bool:
    """Whether a body begins with a byte order mark."""
    return body.startswith(_ALL_MARKS)


def to_utf8(body: bytes, charset: str | None, *, limits: Limits) -> bytes:
    """A body in UTF-8, without a byte order mark. Raises MalformedInput, InputTooLarge."""
    if charset is None and not has_mark(body):
        return body
    stream, text = as_utf8(io.BytesIO(body), charset), io.BytesIO()
    while piece := stream.read(READ_BYTES):
        text.write(piece)
        limits.check_bytes(text.tell(), unit="bytes in UTF-8")
    return text.getvalue()


def as_utf8(source: BinaryIO, charset: str | None) -> BinaryIO:
    """A stream in UTF-8, without a byte order mark. Reading it raises MalformedInput."""
    return cast(BinaryIO, Unclosed(_Recoded(source, charset), READ_BYTES))


class _Recoded(Produced):
    """The source's text in UTF-8."""

    def __init__(self, source: BinaryIO, charset: str | None) -> None:
        self._source = source
        self._charset = charset
        self._decoder: codecs.IncrementalDecoder | None = None
        #: Bytes in UTF-8 that are not read yet.
        self._text = memoryview(b"")
        self._began = False
        #: Bytes of the source before the piece that is decoded.
        self._at = 0

    def produce(self, size: int) -> memoryview:
        if not self._began:
            self._begin()
        while not self._text:
            piece = self._source.read(READ_BYTES)
            self._text = memoryview(self._decode(piece, final=not piece))
            if not piece:
                break
        content, self._text = self._text[:size], self._text[size:]
        return content

    def _begin(self) -> None:
        self._began = True
        head = self._source.read(_MARK_BYTES)
        for mark, charset in _MARKS:
            if head.startswith(mark):
                self._charset, head = charset, head[len(mark) :]
                self._at = len(mark)
                break
        if self._charset is not None:
            self._decoder = codecs.getincrementaldecoder(self._charset)()
        self._text = memoryview(self._decode(head, final=False))

    def _decode(self, piece: bytes, *, final: bool) -> bytes:
        """UTF-8 of the next piece of the source."""
        if self._decoder is None:
            return piece
        try:
            text = self._decoder.decode(piece, final=final)
        except UnicodeError as error:
            name = str(self._charset).replace("_", "-")
            reason, at = str(error), self._at
            if isinstance(error, UnicodeDecodeError):
                reason, at = error.reason, at + error.start
            raise MalformedInput(f"the text is not {name}, near byte {at:,}: {reason}") from error
        self._at += len(piece)
        return text.encode()
