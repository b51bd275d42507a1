"""Keeps result documents by the id of their request, in the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from inference.errors import Overloaded
from inference.ports import Cache
from inference.request import Request
from inference.results import stored_result
from inference.results.crashes import Crashes
from inference.results.final_attempts import FinalAttempts
from inference.results.running_jobs import RunningJobs
from inference.results.stored_result import State, StoredResult, fingerprint, state_of

#: How long a Service Bus queue keeps a message by default.
MESSAGE_TTL_S = 14 * 86_400.0

#: How often an update is tried again because another process has changed the value. While one
#: request ends, its value changes at most three times: reserved, provisional, final.
_ROUNDS = 5

Reservation = Literal["new", "pending", "finished", "other", "unreachable"]


class ResultStore:
    """Keeps one result document an id. `key` makes the cache's key of an id.

    A document lives `ttl_s` seconds from when it was stored. A reservation lives `reserved_s`
    seconds, as long as its message may wait. An id belongs to the content that had it first:
    no process stores anything else under it while that lives.
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
        self.running = RunningJobs(cache, key)
        self.crashes = Crashes(cache, key)
        # No id has this key, because the keys of ids hold hashes.
        self.final_attempts = FinalAttempts(
            cache, f"{key('')}:last-tries", self.get, ttl_s=reserved_s
        )

    async def reserve(self, request: Request) -> Reservation:
        """Mark a request as pending, unless its id is known. Returns its state before.

        A request that ran out of attempts is "new" again.
        """
        mark = fingerprint(request)

        def begin_again(known: StoredResult | None) -> bytes | None:
            if known is None or (known.fingerprint == mark and known.ran_out):
                return mark
            # A reservation is renewed: the request is sent again, in a message that lives as long.
            return mark if known == StoredResult(mark, b"") else None

        try:
            if await self._cache.add(self._key(request.id), mark, ttl_s=self._reserved_s):
                return "new"
            known = await self._update(request.id, begin_again, ttl_s=self._reserved_s)
        except ConnectionError:
            return "unreachable"
        if known is not None and known.fingerprint == mark and known.ran_out:
            return "new"
        return state_of(known, mark)

    async def finish(self, request: Request, document: bytes) -> bytes | None:
        """Store a request's document. Returns the one that is stored then; None if the request's id
        names other content.

        A request of HTTP keeps the document that it had first, which its caller may have seen:
        another delivery may have ended before, or the caller may have cancelled it.

        Raises Overloaded if the cache can't be reached, and ValueError if the document is larger
        than the cache.
        """
        mark = fingerprint(request)
        value = mark + document
        key = self._key(request.id)

        def is_kept(known: StoredResult | None) -> bool:
            return known is not None and known.answers and request.source == "http"

        def unless_kept(known: StoredResult | None) -> bytes | None:
            return None if state_of(known, mark) == "other" or is_kept(known) else value

        with _translated_errors():
            # First for the usual case: HTTP has reserved the id, other triggers have not.
            if request.source == "http":
                stored = await self._cache.replace(key, mark, value, ttl_s=self._ttl_s)
            else:
                stored = await self._cache.add(key, value, ttl_s=self._ttl_s)
            if stored:
                return document
            known = await self._update(request.id, unless_kept, ttl_s=self._ttl_s)
        if state_of(known, mark) == "other":
            return None
        return known.document if known is not None and is_kept(known) else document

    async def store_provisional(self, request: Request, document: bytes, *, due_s: float) -> State:
        """Store the document that becomes final if no other is stored within `due_s` seconds.

        Returns the state before. Replaces neither a final document nor that of other content.
        Raises what `finish` raises.
        """
        mark = fingerprint(request)
        value = stored_result.encode_provisional(mark, document, due_s=due_s)

        def unless_final(known: StoredResult | None) -> bytes | None:
            replaces = known is None or (known.fingerprint == mark and not known.answers)
            return value if replaces else None

        with _translated_errors():
            known = await self._update(request.id, unless_final, ttl_s=due_s + self._ttl_s)
        return state_of(known, mark)

    async def find(self, request: Request) -> tuple[State, bytes]:
        """A request's state, and its document if it is finished.

        A request that ran out of attempts is pending, because a later delivery is scored again.
        Raises Overloaded if the cache can't be reached.
        """
        mark = fingerprint(request)
        known = await self.get(request.id)
        state = state_of(known, mark)
        return state, known.document if known is not None and state == "finished" else b""

    async def cancel(
        self, request_id: str, drop: Callable[[StoredResult], bytes]
    ) -> Literal["cancelled", "finished", "unknown"]:
        """End a job that runs, or replace a request that waits by the document that `drop` makes.

        A message of such a request is answered with that document when its turn comes. Raises
        Overloaded if the cache can't be reached.
        """
        if await self.running.find(request_id):
            await self.running.cancel(request_id)
            return "cancelled"

        def drop_pending(known: StoredResult | None) -> bytes | None:
            if known is None or not known.pending:
                return None
            return known.fingerprint + drop(known)

        with _translated_errors():
            known = await self._update(request_id, drop_pending, ttl_s=self._ttl_s)
        if known is None:
            return "unknown"
        return "cancelled" if known.pending else "finished"

    async def get(self, request_id: str) -> StoredResult | None:
        """What is stored under an id. Raises Overloaded if the cache can't be reached."""
        with _translated_errors():
            return stored_result.decode(await self._cache.get(self._key(request_id)))

    async def _update(
        self,
        request_id: str,
        change: Callable[[StoredResult | None], bytes | None],
        *,
        ttl_s: float,
    ) -> StoredResult | None:
        """Store what `change` makes of the known value, unless it makes None. Returns the known.

        `change` is called again if another process has changed the value in between.
        """
        key = self._key(request_id)
        for _ in range(_ROUNDS):
            entry = await self._cache.get(key)
            known = stored_result.decode(entry)
            if (value := change(known)) is None:
                return known
            if entry is None:
                stored = await self._cache.add(key, value, ttl_s=ttl_s)
            else:
                stored = await self._cache.replace(key, entry.value, value, ttl_s=ttl_s)
            if stored:
                return known
        # A value that can neither be read nor replaced is not a result: it counts as absent.
        if (value := change(None)) is not None:
            await self._cache.put(key, value, ttl_s=ttl_s)
        return None


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Raises Overloaded if the cache can't be reached."""
    try:
        yield
    except ConnectionError as error:
        if isinstance(error, ValueError):  # the value is too large: see inference.ports.Cache.put
            raise
        raise Overloaded("the cache can't be reached; ask again later") from error
