"""What the result store keeps under an id, and its layout in bytes.

A value is the fingerprint of the request's content (16 bytes), followed by one of

    nothing                                         reserved: the request waits to be scored
    byte 1, seconds (float64, big-endian), document  provisional: pending for so many seconds from
                                                    when it was stored, final from then on
    a document, which begins with another byte      final

A provisional document says that the request has no attempt left. It becomes final by itself, so
that no process has to live until then. The document of any later delivery replaces it.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import Literal

from inference.ports import Entry
from inference.request import Request

FINGERPRINT_BYTES = 16

_PROVISIONAL = b"\x01"
_DUE = struct.Struct(">d")

#: What is known of a request: nothing; the same content is pending or finished; or its id names
#: other content.
State = Literal["new", "pending", "finished", "other"]


@dataclass(frozen=True, slots=True)
class StoredResult:
    """What is known under an id; `document` is empty while the request is pending."""

    fingerprint: bytes
    document: bytes
    #: Whether the request has no attempt left: its document is provisional, or was.
    exhausted: bool = False
    #: The document that becomes final if no other is stored.
    provisional: bytes = b""

    @property
    def pending(self) -> bool:
        return not self.document

    @property
    def ran_out(self) -> bool:
        """Whether the document says that no attempt is left. It answers no later delivery."""
        return self.exhausted and not self.pending

    @property
    def answers(self) -> bool:
        """Whether the document answers a later delivery of the request."""
        return not (self.pending or self.exhausted)


def fingerprint(request: Request) -> bytes:
    """Identifies a request's content type, body and query: an id names one content only."""
    content_type = request.content_type
    if request.source == "servicebus":
        # Without this property the trigger guesses the type from the other messages of the batch,
        # which differ at each delivery.
        content_type = request.headers.get("content_type", "")
    whole = hashlib.blake2b(_encode(content_type), digest_size=FINGERPRINT_BYTES)
    whole.update(b"\0")
    whole.update(request.body)
    if request.query:
        whole.update(b"?" + _encode(request.query))
    return whole.digest()


def state_of(known: StoredResult | None, mark: bytes) -> State:
    """The state of the request with the fingerprint `mark`."""
    if known is None:
        return "new"
    if known.fingerprint != mark:
        return "other"
    return "finished" if known.answers else "pending"


def encode_provisional(mark: bytes, document: bytes, *, due_s: float) -> bytes:
    return mark + _PROVISIONAL + _DUE.pack(due_s) + document


def decode(entry: Entry | None) -> StoredResult | None:
    """None for no entry, and for a value that is not in this layout."""
    if entry is None or len(entry.value) < FINGERPRINT_BYTES:
        return None
    mark, rest = entry.value[:FINGERPRINT_BYTES], entry.value[FINGERPRINT_BYTES:]
    if not rest.startswith(_PROVISIONAL):
        return StoredResult(mark, rest)
    if len(rest) <= 1 + _DUE.size:
        return None
    is_due = entry.age_s >= _DUE.unpack_from(rest, 1)[0]
    document = rest[1 + _DUE.size :]
    return StoredResult(mark, document if is_due else b"", exhausted=True, provisional=document)


def _encode(text: str) -> bytes:
    # A header that is not UTF-8 arrives with lone surrogates.
    return text.encode("utf-8", "surrogatepass")
