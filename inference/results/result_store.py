"""Result documents by id, in the cache.

A stored value is the fingerprint of the request's content (16 bytes), then one of

    nothing                                         reserved: the request waits to be scored
    byte 1, seconds (float64, big-endian), document  provisional: pending for so long from when it
                                                    was stored, and final from then on
    a document, which begins with another byte      final

A provisional document says that the last try ran out. It becomes final by itself, so that no
process has to live for it, and it gives way to the document of any later delivery.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from inference.errors import Overloaded
from inference.ports import Cache, Entry
from inference.request import Request
from inference.results.final_attempts import FinalAttempts

FINGERPRINT_BYTES = 16
#: As long as a queue of the service keeps a message unless it is told otherwise.
MESSAGE_TTL_S = 14 * 86_400.0

_PROVISIONAL = b"\x01"
_DUE = struct.Struct(">d")
#: How often a change is begun anew because somebody came between; a reservation, a provisional
#: document, a final one: no more happens to an id while one request ends.
_ROUNDS = 5

#: Of an id: nothing is known, the same content waits or is finished, or it names other content.
State = Literal["new", "pending", "finished", "other"]
Reservation = Literal["new", "pending", "finished", "other", "unreachable"]


@dataclass(frozen=True, slots=True)
class StoredResult:
    """What is known of a request; `document` is empty while it is pending."""

    fingerprint: bytes
    document: bytes
    #: Whether it ends, or will end, because no try was left.
    exhausted: bool = False

    @property
    def pending(self) -> bool:
        return not self.document

    @property
    def ran_out(self) -> bool:
        """Whether it says that the tries ran out: it answers no later delivery."""
        return self.exhausted and not self.pending

    @property
    def answers(self) -> bool:
        """Whether a later delivery of the request is answered by it."""
        return not (self.pending or self.exhausted)


def fingerprint(request: Request) -> bytes:
    """Of content type, body and query: two requests of one id are told apart by it."""
    told = request.content_type
    if request.source == "servicebus":
        # The rest is guessed from a message's company, which is another at each delivery.
        told = request.headers.get("content_type", "")
    whole = hashlib.blake2b(_text(told), digest_size=FINGERPRINT_BYTES)
    whole.update(b"\0")
    whole.update(request.body)
    if request.query:
        whole.update(b"?" + _text(request.query))
    return whole.digest()


class ResultStore:
    """Where a result can be fetched by the id of its request.

    A document lives `ttl_s` seconds from when it was stored, a reservation `reserved_s`, which is
    as long as its message may wait. An id belongs to the content that had it first: nothing else
    is ever stored under it while that lives, whichever process asks.
    """

    def __init__(
        self,
        cache: Cache,
        key: Callable[[str], str],
        ttl_s: float,
        reserved_s: float = MESSAGE_TTL_S,
    ) -> None:
        self._cache, self._key = cache, key
        self._ttl_s, self._reserved_s = ttl_s, reserved_s
        #: Beside the results' names, so that no id leads there.
        self.final_attempts = FinalAttempts(
            cache, f"{key('')}:last-tries", self.get, ttl_s=reserved_s
        )

    async def reserve(self, request: Request) -> Reservation:
        """Mark a request as pending, unless its id is known."""
        mark = fingerprint(request)

        def begin_again(known: StoredResult | None) -> bytes | None:
            if known is None or (known.fingerprint == mark and known.ran_out):
                return mark
            # A pending one is sent again, as a message that lives as long from now on.
            return mark if known == StoredResult(mark, b"") else None

        try:
            if await self._cache.add(self._key(request.id), mark, ttl_s=self._reserved_s):
                return "new"
            known = await self._change(request, begin_again, ttl_s=self._reserved_s)
        except ConnectionError:
            return "unreachable"
        state = _state(known, mark)
        return "new" if state == "pending" and known is not None and known.ran_out else state

    async def finish(self, request: Request, document: bytes) -> bool:
        """Store a document under its request's id; False where the id names other content.

        Raises Overloaded where the cache is away, and ValueError where it has no room for so
        large a document.
        """
        mark = fingerprint(request)
        value = mark + document
        key = self._key(request.id)

        def unless_other(known: StoredResult | None) -> bytes | None:
            return value if known is None or known.fingerprint == mark else None

        with _Translated():
            # What is most likely stored: the reservation that HTTP made, or nothing.
            if request.source == "http":
                done = await self._cache.replace(key, mark, value, ttl_s=self._ttl_s)
            else:
                done = await self._cache.add(key, value, ttl_s=self._ttl_s)
            if done:
                return True
            known = await self._change(request, unless_other, ttl_s=self._ttl_s)
        return _state(known, mark) != "other"

    async def store_provisional(self, request: Request, document: bytes, *, due_s: float) -> State:
        """Store what a request ends with if nothing else is stored within `due_s` seconds.

        Returns what was known before. A final document stays, and so does what others stored.
        Raises as `finish` does.
        """
        mark = fingerprint(request)
        value = mark + _PROVISIONAL + _DUE.pack(due_s) + document

        def unless_final(known: StoredResult | None) -> bytes | None:
            mine = known is None or (known.fingerprint == mark and not known.answers)
            return value if mine else None

        with _Translated():
            known = await self._change(request, unless_final, ttl_s=due_s + self._ttl_s)
        return _state(known, mark)

    async def find(self, request: Request) -> tuple[State, bytes]:
        """What is known of this very request, and its document where it is finished.

        One whose tries ran out is not finished: whoever brings it again wants it scored. Raises
        Overloaded where the cache is away.
        """
        mark = fingerprint(request)
        known = await self.get(request.id)
        state = _state(known, mark)
        return state, known.document if known is not None and state == "finished" else b""

    async def find_document(self, request: Request) -> bytes | None:
        """The document of this very request, where it was finished before and can be told."""
        try:
            return (await self.find(request))[1] or None
        except Overloaded:
            return None

    async def get(self, request_id: str) -> StoredResult | None:
        """What is stored under an id. Raises Overloaded where the cache is away."""
        with _Translated():
            return _read(await self._cache.get(self._key(request_id)))

    async def _change(
        self,
        request: Request,
        change: Callable[[StoredResult | None], bytes | None],
        *,
        ttl_s: float,
    ) -> StoredResult | None:
        """Store what `change` makes of what is known, None for nothing; returns what was known.

        Whoever comes between is seen: `change` is asked again.
        """
        key = self._key(request.id)
        for _ in range(_ROUNDS):
            entry = await self._cache.get(key)
            known = _read(entry)
            if (value := change(known)) is None:
                return known
            if entry is None:
                done = await self._cache.add(key, value, ttl_s=ttl_s)
            else:
                done = await self._cache.replace(key, entry.value, value, ttl_s=ttl_s)
            if done:
                return known
        # What can neither be read nor added to is none of ours: it counts as absent.
        if (value := change(None)) is not None:
            await self._cache.put(key, value, ttl_s=ttl_s)
        return None


class _Translated:
    """A cache that is away, in the core's words."""

    def __enter__(self) -> None: ...

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, ConnectionError) and not isinstance(error, ValueError):
            raise Overloaded("the cache can't be reached; ask again later") from error


def _state(known: StoredResult | None, mark: bytes) -> State:
    if known is None:
        return "new"
    if known.fingerprint != mark:
        return "other"
    return "finished" if known.answers else "pending"


def _read(entry: Entry | None) -> StoredResult | None:
    if entry is None or len(entry.value) < FINGERPRINT_BYTES:
        return None
    mark, rest = entry.value[:FINGERPRINT_BYTES], entry.value[FINGERPRINT_BYTES:]
    if not rest.startswith(_PROVISIONAL):
        return StoredResult(mark, rest)
    if len(rest) <= 1 + _DUE.size:
        return None
    is_due = entry.age_s >= _DUE.unpack_from(rest, 1)[0]
    return StoredResult(mark, rest[1 + _DUE.size :] if is_due else b"", exhausted=True)


def _text(text: str) -> bytes:
    # Lone surrogates come in headers that were no UTF-8.
    return text.encode("utf-8", "surrogatepass")
