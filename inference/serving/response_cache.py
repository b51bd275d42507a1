"""Whole answers of the last seconds, found by everything that a caller sent.

The nearest layer of the cache, and the only one that neither reads a body nor hashes it into a
name: what was sent is compared with what was sent before, byte by byte. It is bounded in bytes and
in time: what lies behind it may have been replaced meanwhile.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from inference.request import Answer, Request
from inference.serving.counts import Counts

#: An answer from here is no staler than this.
MAX_AGE_S = 5.0
MAX_BYTES = 32 * 1024 * 1024
#: Longer bodies are not worth their room.
MAX_BODY_BYTES = 16 * 1024
#: Bytes that an entry takes beside what was sent and answered.
ENTRY_BYTES = 900
#: While fewer requests than this recur, only one in TRY_ONE_IN is looked for and kept.
WORTHWHILE = 0.02
TRY_ONE_IN = 32
#: What one request counts for in how many recur: more than WORTHWHILE, so that the first one that
#: is found again ends the trying.
WEIGHT = 0.03

Sent = tuple[str, str, str, str, bytes]
#: An answer's body, type, status and headers; when it was made and until when it may be told, by
#: the clock; its size. A plain tuple of such, unlike an object, is none of the garbage collector's
#: business: thousands of them do not lengthen its pauses.
_Kept = tuple[bytes, str, int, tuple[tuple[str, str], ...], float, float, int]


class Recent:
    """Keeps what was used last. For one event loop."""

    def __init__(
        self,
        *,
        counts: Counts,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._counts = counts
        self._max_bytes, self._clock = max_bytes, clock
        self._kept: OrderedDict[Sent, _Kept] = OrderedDict()
        self._bytes = 0
        self._hit_rate = 1.0
        self._turn = 0

    def __repr__(self) -> str:
        return f"<Recent {len(self._kept)} answers, {self._bytes} bytes>"

    def __len__(self) -> int:
        return len(self._kept)

    def pays(self) -> bool:
        """Whether to look for the next request, and to keep its answer."""
        if self._hit_rate >= WORTHWHILE:
            return True
        self._turn += 1
        return self._turn % TRY_ONE_IN == 0

    def find(self, sent: Sent, *, began: float) -> Answer | None:
        """The answer, as a hit. `began`: time.perf_counter() when it was asked for."""
        kept = self._kept.get(sent)
        now = self._clock()
        if kept is None or now >= kept[5]:
            self._counts.recent_misses += 1
            self._hit_rate *= 1 - WEIGHT
            return None
        self._counts.recent_hits += 1
        self._hit_rate += WEIGHT * (1 - self._hit_rate)
        self._kept.move_to_end(sent)
        body, kind, status, headers, made_at, _, _ = kept
        elapsed_ms = (time.perf_counter() - began) * 1000
        return Answer(body, kind, "hit", elapsed_ms, now - made_at, status, headers)

    def keep(self, sent: Sent, answer: Answer, *, ttl_s: float) -> None:
        """Keep an answer. `ttl_s`: what is left of it."""
        size = len(sent[-1]) + len(answer.body) + ENTRY_BYTES
        now = self._clock()
        self._forget(sent)
        made_at, until = now - (answer.age_s or 0.0), now + min(ttl_s, MAX_AGE_S)
        self._kept[sent] = (
            *(answer.body, answer.content_type, answer.status, answer.headers),
            *(made_at, until, size),
        )
        self._bytes += size
        while self._kept:
            oldest = next(iter(self._kept))
            if self._bytes <= self._max_bytes and now < self._kept[oldest][5]:
                break
            self._forget(oldest)

    def _forget(self, sent: Sent) -> None:
        kept = self._kept.pop(sent, None)
        if kept is not None:
            self._bytes -= kept[-1]


def sent(request: Request) -> Sent | None:
    """All that decides a request's answer; None where it is not worth keeping.

    Headers decide too where a script reads them: such answers are never kept.
    """
    if len(request.body) > MAX_BODY_BYTES or "content-encoding" in request.headers:
        return None
    return request.method, request.query, request.content_type, request.accept, request.body
