"""The list of requests whose documents another process may have to send."""

from __future__ import annotations

import asyncio

from cache.memory_cache import MemoryCache
from inference.results.final_attempts import FinalAttempts
from inference.results.stored_result import StoredResult

KNOWN = StoredResult(b"mark", b"{}", exhausted=True)


class Shared(MemoryCache):
    """A cache far away: others change a value while it is on its way."""

    async def get(self, key):
        entry = await super().get(key)
        await asyncio.sleep(0)
        return entry


async def test_each_of_a_batch_of_final_attempts_is_named():
    """They begin together, and are more than the rounds of one change."""

    async def find(_):
        return KNOWN

    final = FinalAttempts(Shared(), "list", find, ttl_s=60)
    ids = {f"m{number}" for number in range(50)}
    await asyncio.gather(*(final.add(each) for each in ids))
    assert {name for name, _ in await final.due()} == ids
