"""Result documents by id, in the cache.

A stored value is the fingerprint of the request's content (16 bytes), then the document; an empty
document means that the request waits to be scored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from inference.errors import Overloaded
from inference.ports import Cache
from inference.request import Request

FINGERPRINT_BYTES = 16

#: Of an id that is known: the same content waits or is finished, or it names other content.
Reservation = Literal["new", "pending", "finished", "other", "unreachable"]


@dataclass(frozen=True, slots=True)
class Result:
    """What is known of a request; `document` is empty while it is pending."""

    fingerprint: bytes
    document: bytes

    @property
    def pending(self) -> bool:
        return not self.document


def fingerprint(request: Request) -> bytes:
    """Of content type, body and query: two requests of one id are told apart by it."""
    whole = hashlib.blake2b(request.content_type.encode(), digest_size=FINGERPRINT_BYTES)
    whole.update(b"\0")
    whole.update(request.body)
    if request.query:
        whole.update(b"?" + request.query.encode("utf-8", "surrogatepass"))
    return whole.digest()


class Results:
    """Where a result can be fetched by the id of its request, for `ttl_s` seconds."""

    def __init__(self, cache: Cache, key: Callable[[str], str], *, ttl_s: float) -> None:
        self._cache, self._key, self._ttl_s = cache, key, ttl_s

    async def reserve(self, request: Request) -> Reservation:
        """Mark a request as pending, unless its id is known."""
        mark = fingerprint(request)
        try:
            if await self._cache.add(self._key(request.id), mark, ttl_s=self._ttl_s):
                return "new"
            known = await self._get(request.id)
        except ConnectionError:
            return "unreachable"
        if known is None:  # it expired between the two calls
            return "new"
        if known.fingerprint != mark:
            return "other"
        return "pending" if known.pending else "finished"

    async def finish(self, request: Request, document: bytes) -> bool:
        """Store a document under its request's id; False where the cache is away."""
        value = fingerprint(request) + document
        try:
            await self._cache.put(self._key(request.id), value, ttl_s=self._ttl_s)
        except ConnectionError:
            return False
        return True

    async def known(self, request: Request) -> bytes | None:
        """The document of this very request, where it was finished before."""
        try:
            result = await self._get(request.id)
        except ConnectionError:
            return None
        if result is None or result.fingerprint != fingerprint(request):
            return None
        return result.document or None

    async def get(self, request_id: str) -> Result | None:
        """What is stored under an id. Raises Overloaded where the cache is away."""
        try:
            return await self._get(request_id)
        except ConnectionError as error:
            raise Overloaded("the cache can't be reached; ask again later") from error

    async def _get(self, request_id: str) -> Result | None:
        entry = await self._cache.get(self._key(request_id))
        if entry is None or len(entry.value) < FINGERPRINT_BYTES:
            return None
        return Result(entry.value[:FINGERPRINT_BYTES], entry.value[FINGERPRINT_BYTES:])
