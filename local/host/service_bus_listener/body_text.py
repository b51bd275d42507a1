"""Bodies as text, as the real host reads them (its MessageToStringConverter)."""

from __future__ import annotations

#: Byte order marks and their encodings.
_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))

_NAMESPACE = b"http://schemas.microsoft.com/2003/10/Serialization/"
#: How .NET's DataContractSerializer begins a text, in its binary XML.
_WRAPPED = b"@\x06string\x08%c%b" % (len(_NAMESPACE), _NAMESPACE)
#: Its records of text, by the width of their size field. An odd code ends the text.
_SIZE_WIDTHS = {0x98: 1, 0x99: 1, 0x9A: 2, 0x9B: 2, 0x9C: 4, 0x9D: 4}


class UnfitBody(Exception):
    """A body that the real host cannot convert. The invocation fails before the function runs."""


def text_of(body: bytes, content_type: str | None) -> str:
    """By the byte order mark, else UTF-8, else as .NET's serialised text. Raises UnfitBody."""
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, "replace")
    try:
        return body.decode()
    except UnicodeDecodeError:
        pass
    if body.startswith(_WRAPPED):
        return _unwrap(body).decode("utf-8", "replace")
    kind = content_type or "null"
    raise UnfitBody(
        f"InvalidOperationException: the message with ContentType '{kind}' failed to deserialize"
        " to a string; set data_type=BINARY on the trigger"
    )


def _unwrap(body: bytes) -> bytes:
    text, at = b"", len(_WRAPPED)
    while at < len(body) and (width := _SIZE_WIDTHS.get(body[at])):
        begin = at + 1 + width
        end = begin + int.from_bytes(body[at + 1 : begin], "little")
        text += body[begin:end]
        if body[at] % 2:
            break
        at = end
    return text
