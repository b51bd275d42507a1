"""Stand-ins for what fails around a trigger: the clock, the cache, the scorer, the process."""

from __future__ import annotations

import asyncio

from cache.memory_cache import MemoryCache
from inference.errors import Overloaded


class Killed(BaseException):
    """The end of the process, as far as a test survives it."""


class FakeClock:
    """A monotonic clock that only `sleep` moves. Sleeps that begin together end together.

    `then` is called after each sleep.
    """

    def __init__(self) -> None:
        self.now = 1000.0
        self.then = lambda: None

    def __call__(self) -> float:
        return self.now

    @property
    def slept(self) -> float:
        return self.now - 1000

    async def sleep(self, seconds: float) -> None:
        ends_at = self.now + seconds
        await asyncio.sleep(0)
        self.now = max(self.now, ends_at)
        self.then()


class FailingCache(MemoryCache):
    """Fails all calls while `away` is true."""

    away = False

    async def get(self, key):
        self._require_available()
        return await super().get(key)

    async def put(self, key, value, *, ttl_s):
        self._require_available()
        await super().put(key, value, ttl_s=ttl_s)

    async def add(self, key, value, *, ttl_s):
        self._require_available()
        return await super().add(key, value, ttl_s=ttl_s)

    async def replace(self, key, old, new, *, ttl_s):
        self._require_available()
        return await super().replace(key, old, new, ttl_s=ttl_s)

    def _require_available(self):
        if self.away:
            raise ConnectionError("away")


def overloaded(scorer, monkeypatch, *, until=lambda: False, error=Overloaded):
    """Make the scorer raise `error` until `until()` is true."""
    real = scorer.score

    async def score(request):
        if not until():
            raise error("busy")
        return await real(request)

    monkeypatch.setattr(scorer, "score", score)
