"""Every wait for the cache ends, even if a task, a loop or a server dies."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest

from cache import CacheUnavailable, entra, redis_executor, write_behind
from cache.breaker import CircuitBreaker
from cache.entra import Tokens
from cache.redis_executor import CLOSE_S, RedisCounts, RedisExecutor
from local.emulators.ports import HOST


class Client:
    """Never asked anything: the operations are the tests' own."""

    async def aclose(self):
        pass


@pytest.fixture
async def executor():
    opened = RedisExecutor(
        Client(),
        place="redis",
        breaker=CircuitBreaker("redis"),
        counts=RedisCounts(),
        deadline_s=10,
    )
    yield opened
    await opened.close()


async def never(_):
    await asyncio.Event().wait()


async def stubborn(_):
    """As a library does that mends itself when it is cancelled."""
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if stubborn.ends:
                raise


async def test_a_caller_gets_an_error_if_the_operations_task_is_cancelled(executor):
    waiting = asyncio.create_task(executor.run(never))
    await asyncio.sleep(0)
    (task,) = executor._running
    task.cancel()
    with pytest.raises(CacheUnavailable):
        await waiting
    assert executor.running == 0


async def test_a_caller_gets_an_error_of_the_program(executor):
    async def fault(_):
        raise LookupError("what")

    with pytest.raises(LookupError, match="what"):
        await executor.run(fault)
    assert executor.breaker.last_call_succeeded


async def test_an_operation_after_closing_fails_at_once(executor):
    await executor.close()
    with pytest.raises(CacheUnavailable, match="closed before it answered"):
        await executor.run(never)


async def test_closing_ends_the_wait_for_operations_that_cannot_be_cancelled(executor, monkeypatch):
    monkeypatch.setattr(redis_executor, "CLOSE_S", 0.05)
    stubborn.ends = False
    waiting = [asyncio.create_task(executor.run(stubborn)) for _ in range(3)]
    await asyncio.sleep(0)
    tasks = list(executor._running)
    async with asyncio.timeout(CLOSE_S):
        await executor.close()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [CacheUnavailable] * 3
    stubborn.ends = True
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_a_client_that_does_not_close_does_not_block_closing(executor, monkeypatch):
    monkeypatch.setattr(redis_executor, "CLOSE_S", 0.05)
    monkeypatch.setattr(Client, "aclose", never)
    async with asyncio.timeout(CLOSE_S):
        await executor.close()


async def test_an_operation_without_a_caller_is_cancelled(monkeypatch, eventually_async):
    monkeypatch.setattr(redis_executor, "ABANDON_S", 0.05)
    breaker = CircuitBreaker("redis")
    executor = RedisExecutor(
        Client(), place="x", breaker=breaker, counts=RedisCounts(), deadline_s=0.05
    )
    with pytest.raises(CacheUnavailable, match="did not answer within"):
        await executor.run(never)
    left = asyncio.create_task(executor.run(never))
    await asyncio.sleep(0)
    left.cancel()
    await eventually_async(lambda: executor.running == 0)
    assert repr(breaker) == "<CircuitBreaker redis closed, 1 failures in a row>"


async def test_lookups_that_could_not_be_sent_fail(redis_cache, key, monkeypatch):
    await redis_cache.ping()
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)

    def fault(*_):
        raise LookupError("what")

    with monkeypatch.context() as patch:
        patch.setattr(redis_cache._session.executor, "start", fault)
        outcomes = await asyncio.gather(
            *(redis_cache.get(f"{key}{n}") for n in range(3)), return_exceptions=True
        )
    assert [type(outcome) for outcome in outcomes] == [LookupError] * 3
    assert await redis_cache.get(key) is None


async def test_a_writer_that_dies_before_its_first_step_leaves_no_flush_waiting(
    redis_cache, key, eventually_async
):
    """As at the end of an event loop, which cancels whatever it finds."""
    redis_cache.store_soon([(key, b"first")], ttl_s=60)
    flushed = asyncio.create_task(redis_cache.flush())
    redis_cache._session.behind._writer.cancel()
    async with asyncio.timeout(write_behind.FLUSH_S / 2):
        await flushed
    assert redis_cache.counts()["stores_shed"] == 0
    await redis_cache.flush()
    assert (await redis_cache.get(key)).value == b"first"


async def test_stores_after_the_death_of_a_writer_are_written_by_the_next(redis_cache, key):
    redis_cache.store_soon([(f"{key}1", b"first")], ttl_s=60)
    redis_cache._session.behind._writer.cancel()
    await asyncio.sleep(0)
    redis_cache.store_soon([(f"{key}2", b"second")], ttl_s=60)
    await redis_cache.flush()
    assert (await redis_cache.get(f"{key}2")).value == b"second"


async def test_a_flush_waits_only_for_stores_before_it(redis_cache, key):
    number, ends = 0, False

    async def store_on():
        nonlocal number
        while not ends:
            redis_cache.store_soon([(f"{key}{number}", bytes(100))], ttl_s=60)
            number += 1
            await asyncio.sleep(0)

    storing = asyncio.create_task(store_on())
    await asyncio.sleep(0)
    redis_cache.store_soon([(key, b"mine")], ttl_s=60)
    async with asyncio.timeout(write_behind.FLUSH_S / 2):
        await redis_cache.flush()
    assert (await redis_cache.get(key)).value == b"mine"
    ends = True
    await storing


async def test_a_flush_ends_at_its_timeout(stoppable_redis, open_cache, key, monkeypatch):
    cache = open_cache(stoppable_redis.url)
    await cache.ping()
    stoppable_redis.pause()
    monkeypatch.setattr(write_behind, "FLUSH_S", 0.05)
    cache.store_soon([(key, b"value")], ttl_s=60)
    async with asyncio.timeout(5):
        await cache.flush()
        await cache.close()
    assert cache.counts()["stores_shed"] == 1


async def test_a_cancelled_close_still_ends_all_waits(
    stoppable_redis, open_cache, key, eventually_async
):
    cache = open_cache(stoppable_redis.url)
    await cache.ping()
    stoppable_redis.pause()
    cache.store_soon([(key, b"value")], ttl_s=60)
    waiting = asyncio.create_task(cache.get(key))
    closing = asyncio.create_task(cache.close())
    await asyncio.wait([closing], timeout=0.05)
    closing.cancel()
    with pytest.raises(CacheUnavailable, match="closed before it answered"):
        await waiting
    await asyncio.wait([closing])


async def test_closing_does_not_wait_for_unread_data_of_a_server_that_hangs(
    open_cache, free_port, key
):
    """More is to be sent than its buffers hold, and it reads nothing."""
    with socket.create_server((HOST, free_port())) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        cache = open_cache(f"redis://{HOST}:{server.getsockname()[1]}")
        waiting = asyncio.create_task(cache.put(key, bytes(32 * 1024 * 1024), ttl_s=60))
        await asyncio.wait([waiting], timeout=0.2)
        began = time.monotonic()
        await cache.close()
        assert time.monotonic() - began < CLOSE_S
        with pytest.raises(CacheUnavailable, match="closed before it answered"):
            await waiting


class Credential:
    """An identity whose requests hang a given number of times."""

    def __init__(self, may_answer: threading.Event) -> None:
        self.may_answer, self.asked, self.closed = may_answer, 0, False

    def get_token(self, _scope):
        self.asked += 1
        self.may_answer.wait()
        raise LookupError("no such identity")

    def close(self):
        self.closed = True


@pytest.fixture
def hanging(monkeypatch):
    may_answer = threading.Event()
    credential = Credential(may_answer)

    class Module:
        DefaultAzureCredential = staticmethod(lambda **_: credential)

    monkeypatch.setattr(entra, "import_module", lambda _: Module)
    yield credential
    may_answer.set()


async def test_a_request_for_a_token_that_hangs_times_out_and_uses_one_thread(hanging, monkeypatch):
    monkeypatch.setattr(entra, "REQUEST_S", 0.05)
    tokens, before = Tokens(), threading.active_count()
    for _ in range(3):
        with pytest.raises(entra.AuthenticationError, match="no token for Redis: TimeoutError"):
            await tokens.get_valid()
    assert threading.active_count() == before + 1
    assert hanging.asked == 1
    hanging.may_answer.set()
    await tokens.close()


async def test_closing_does_not_wait_for_an_identity_that_hangs(
    hanging, monkeypatch, eventually_async
):
    monkeypatch.setattr(entra, "CLOSE_S", 0.05)
    tokens = Tokens()
    waiting = asyncio.create_task(tokens.get_valid())
    await eventually_async(lambda: hanging.asked)
    async with asyncio.timeout(5):
        await tokens.close()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    hanging.may_answer.set()
    await eventually_async(lambda: hanging.closed)
