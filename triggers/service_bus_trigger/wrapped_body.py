"""Bodies that .NET's DataContractSerializer wrapped, as older clients and the portal do.

`new BrokeredMessage("text")` sends binary XML: an element `string` with a namespace and the text.
The format is [MC-NBFX].
"""

from __future__ import annotations

import re
from html import unescape

from inference.errors import MalformedInput

NAMESPACE = b"http://schemas.microsoft.com/2003/10/Serialization/"
_XML = re.compile(
    rb'(?:<\?xml[^>]*>)?\s*<string xmlns="' + re.escape(NAMESPACE) + rb'">(.*)</string>\s*',
    re.DOTALL,
)
#: .NET's namespaces of the types of an app.
_TYPES = b"http://schemas.datacontract.org/"

_ATTRIBUTE = 0x08
_END = 0x01
_EMPTY = (0xA8, 0xA9)
#: Records of text and bytes, by the width of their size field. An odd code ends the element too.
_SIZE_WIDTHS = {
    **dict.fromkeys((0x98, 0x99, 0x9E, 0x9F), 1),
    **dict.fromkeys((0x9A, 0x9B, 0xA0, 0xA1), 2),
    **dict.fromkeys((0x9C, 0x9D, 0xA2, 0xA3), 4),
}


def unwrap(body: bytes) -> bytes:
    """The text or bytes in a wrapped body; any other body as it is.

    Raises MalformedInput for an object: only its own .NET program knows what it means.
    """
    if body.startswith(b"<") and (text := _XML.fullmatch(body)):
        return unescape(text[1].decode("utf-8", "replace")).encode()
    if not body.startswith(b"@") or len(body) < 4:
        return body
    name = body[2 : 2 + body[1]]
    at = 2 + len(name)
    if body[at : at + 1] != bytes([_ATTRIBUTE]):
        return body
    namespace, at = body[at + 2 : at + 2 + body[at + 1]], at + 2 + body[at + 1]
    if namespace == NAMESPACE and name in (b"string", b"base64Binary"):
        return _read_records(body, at)
    if namespace == NAMESPACE or namespace.startswith(_TYPES):
        raise MalformedInput(
            f"the body is a .NET object ({name[:60].decode('ascii', 'replace')});"
            " expected its rows as text or bytes: send them as a stream"
        )
    return body


def _read_records(body: bytes, at: int) -> bytes:
    parts = []
    while at < len(body) and body[at] not in (_END, *_EMPTY):
        code = body[at]
        if (width := _SIZE_WIDTHS.get(code)) is None:
            raise MalformedInput(f"the body is .NET's binary XML with a record {code:#x} in it")
        begin = at + 1 + width
        at = begin + int.from_bytes(body[at + 1 : begin], "little")
        if at > len(body):
            raise MalformedInput("the body is .NET's binary XML, and cut off")
        parts.append(body[begin:at])
        if code % 2:
            break
    return b"".join(parts)
