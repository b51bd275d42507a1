"""The response cache: whole answers of the last seconds, found by all that the caller sent.

It is the first cache to be asked, and the only one that neither reads a body nor hashes it into a
key: it compares the bytes that were sent. It is bounded in bytes and in age: an answer in the
caches behind it may have been replaced since.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from inference.request import Answer, Request
from inference.serving.cache_policy import LookupPolicy

#: No answer in here gets older.
MAX_AGE_S = 5.0
MAX_BYTES = 32 * 1024 * 1024
#: Requests with longer bodies are not kept.
MAX_BODY_BYTES = 16 * 1024
#: Bytes of memory that an entry takes beside its request's body and its answer's.
ENTRY_BYTES = 900
#: The time of an answer is averaged over about so many.
MEMORY = 16

#: Method, query, content type, accept, body: all that decides an answer.
Key = tuple[str, str, str, str, bytes]
#: Of an answer: body, type, status, headers; when it was made and when it expires, by the clock;
#: its rows; its size. The garbage collector does not track a tuple of such values, so thousands of
#: them do not lengthen its pauses. It would track objects.
_Entry = tuple[bytes, str, int, tuple[tuple[str, str], ...], float, float, int | None, int]


class ResponseCache:
    """Keeps the answers used last, as far as `policy` lets it. For one event loop."""

    def __init__(
        self,
        policy: LookupPolicy,
        *,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._max_bytes, self._clock = max_bytes, clock
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()
        self._bytes = 0

    def __repr__(self) -> str:
        return f"<ResponseCache {len(self._entries)} answers, {self._bytes} bytes>"

    def __len__(self) -> int:
        return len(self._entries)

    def key(self, request: Request) -> Key | None:
        """The key of a request; None where it is neither to be looked up nor to be kept."""
        policy = self._policy
        if policy.share and (request.recompute or policy.allows()):
            return _key(request)
        return None

    def find(self, key: Key, *, began: float) -> Answer | None:
        """The answer, as a hit. `began`: time.perf_counter() when the request came."""
        entry = self._entries.get(key)
        now = self._clock()
        seconds = time.perf_counter() - began
        if entry is None or now >= entry[5]:
            self._policy.record(1, 0, seconds)
            return None
        self._policy.record(1, 1, seconds)
        self._entries.move_to_end(key)
        body, content_type, status, headers, made_at, _, rows, _ = entry
        age_s = now - made_at
        return Answer(
            *(body, content_type, "hit", seconds * 1000, age_s, status, headers), False, rows
        )

    def keep(self, key: Key, answer: Answer, *, ttl_s: float, at_once: int = 1) -> None:
        """Keep an answer for `ttl_s`, or MAX_AGE_S. `at_once`: requests answered in its time."""
        self._learn(answer.elapsed_ms / 1000 / at_once)
        size = len(key[-1]) + len(answer.body) + ENTRY_BYTES
        now = self._clock()
        self._forget(key)
        made_at, expires_at = now - (answer.age_s or 0.0), now + min(ttl_s, MAX_AGE_S)
        self._entries[key] = (
            *(answer.body, answer.content_type, answer.status, answer.headers),
            *(made_at, expires_at, answer.rows, size),
        )
        self._bytes += size
        while self._entries:
            oldest = next(iter(self._entries))
            if self._bytes <= self._max_bytes and now < self._entries[oldest][5]:
                break
            self._forget(oldest)

    def _learn(self, answer_s: float) -> None:
        """What an answer takes that is not found here."""
        saved_s = self._policy.saved_s
        self._policy.saved_s += (answer_s - saved_s) / (MEMORY if saved_s else 1)

    def _forget(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entry[-1]


def _key(request: Request) -> Key | None:
    """None where the request is not worth keeping.

    Headers decide an answer too where a script reads them; its answers are never kept.
    """
    if len(request.body) > MAX_BODY_BYTES or "content-encoding" in request.headers:
        return None
    return request.method, request.query, request.content_type, request.accept, request.body
