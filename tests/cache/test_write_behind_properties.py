"""The write-behind buffer in every order of stores, errors, cancellations and flushes."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import OutOfMemoryError

from cache import CacheUnavailable
from cache.breaker import CircuitBreaker
from cache.redis_executor import RedisCounts
from cache.write_behind import Store, WriteBehind
from cache.write_health import WriteHealth

FULL = OutOfMemoryError("full", status_code="OOM")
#: How a round trip may end: each store taken, each refused, the first refused, no answer, a fault.
ENDS = ("taken", "refused", "some refused", "unavailable", "fault")
STEPS = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 5), st.integers(1, 400_000)),
    st.tuples(st.just("answer"), st.sampled_from(ENDS)),
    st.sampled_from([("flush",), ("turn",), ("kill",), ("breaker opens",), ("breaker closes",)]),
)


class Executor:
    """Writes nothing: each round trip ends as the test says."""

    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.breaker = CircuitBreaker("redis", failures=1)
        self.under_way: list[tuple[int, asyncio.Future]] = []

    async def run(self, operation):
        (stores,) = operation.args
        outcome = self.loop.create_future()
        self.under_way.append((len(stores), outcome))
        return await outcome

    def answer(self, end):
        while self.under_way:
            stores, outcome = self.under_way.pop(0)
            if not outcome.done():  # else its writer was killed
                break
        else:
            return
        match end:
            case "taken":
                outcome.set_result([])
            case "refused":
                outcome.set_result([FULL] * stores)
            case "some refused":
                outcome.set_result([FULL])
            case "unavailable":
                outcome.set_exception(CacheUnavailable("away"))
            case "fault":
                outcome.set_exception(LookupError())


class Tried:
    def __init__(self):
        self.executor = Executor()
        self.behind = WriteBehind(self.executor, RedisCounts(), WriteHealth("redis"))
        self.flushes: list[asyncio.Task[None]] = []

    async def do(self, name, *arguments):
        match name:
            case "put":
                number, size = arguments
                self.behind.put(f"key{number}", Store(bytes(size), 1000))
            case "answer":
                self.executor.answer(*arguments)
            case "flush":
                self.flushes.append(asyncio.create_task(self.behind.flush()))
            case "kill" if self.behind._writer:
                self.behind._writer.cancel()
            case "breaker opens":
                self.executor.breaker.record_failure("away")
            case "breaker closes":
                self.executor.breaker.record_success()
            case _:
                await asyncio.sleep(0)


async def run(steps):
    tried = Tried()
    behind = tried.behind
    for step in steps:
        await tried.do(*step)
        assert behind._bytes == sum(len(store.stored) for store in behind._waiting.values())
        assert 0 <= behind._done <= behind._taken
    # A server that answers now ends everything; what a killed writer left is written by the end.
    closing = asyncio.create_task(behind.close())
    for _ in range(100):
        tried.executor.answer("taken")
        await asyncio.sleep(0)
    assert closing.done()
    assert all(flush.done() for flush in tried.flushes)
    assert (behind._done, len(behind._waiting), behind._writer) == (behind._taken, 0, None)
    assert behind._flushes == []


@given(st.lists(STEPS, max_size=60))
def test_every_flush_ends_and_no_store_is_left(steps):
    asyncio.run(run(steps))
