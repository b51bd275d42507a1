"""The result store behaves alike over the cache in memory and over Redis."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from cache import CacheSettings, keys
from cache.memory_cache import MemoryCache
from cache.redis_cache import RedisCache
from inference.request import Request, Source
from inference.results.result_store import ResultStore
from tests.clock import Clock


@pytest.fixture
def clock():
    return Clock(1_800_000_000.0)


@pytest.fixture(params=["memory", "redis"])
async def results(request, clock):
    if request.param == "memory":
        cache = MemoryCache(clock=clock)
    else:
        server = request.getfixturevalue("redis_server")
        cache = RedisCache(CacheSettings(redis_url=server.url, timeout_ms=5000), clock=clock)
    yield ResultStore(cache, keys.result_key, ttl_s=60, reserved_s=1000)
    await cache.close()


@pytest.fixture
def asking(request):
    """A request with an id of this test only."""

    def make(body: bytes = b"x", source: Source = "http", **more: Any) -> Request:
        return Request(id=request.node.nodeid, source=source, body=body, **more)

    return make


async def document(results: ResultStore, request: Request) -> bytes | None:
    """The document, or None while the request is pending."""
    found = await results.get(request.id)
    assert found is not None
    return found.document or None


@pytest.mark.parametrize("source", ["http", "servicebus", "blob"])
async def test_a_finished_request_is_found_by_its_id_whether_or_not_it_was_reserved(
    results, asking, source
):
    assert await results.finish(asking(source=source), b"{1}")
    assert await results.find(asking(source=source)) == ("finished", b"{1}")


async def test_other_content_never_replaces_the_result_of_an_id(results, asking):
    await results.reserve(asking())
    assert await results.finish(asking(b"y", "servicebus"), b"{y}") is None
    assert (await results.get(asking().id)).pending
    assert await results.finish(asking(), b"{x}")
    assert await results.finish(asking(b"y", "servicebus"), b"{y}") is None
    assert await results.store_provisional(asking(b"y"), b"{y}", due_s=0) == "other"
    assert await document(results, asking()) == b"{x}"


async def test_of_many_contents_that_finish_under_one_id_at_once_one_is_stored(results, asking):
    asked = [asking(b"%d" % number, "servicebus") for number in range(50)]
    stored = await asyncio.gather(*(results.finish(each, each.body) for each in asked))
    (one,) = (each for each in stored if each is not None)
    assert stored.count(None) == len(asked) - 1
    assert await document(results, asked[0]) == one


async def test_the_same_content_may_be_finished_again(results, asking):
    """A message that was corrected and sent again gets its new answer."""
    for told in (b"{1}", b"{2}"):
        assert await results.finish(asking(source="servicebus"), told) == told
        assert await document(results, asking()) == told


async def test_a_request_of_http_keeps_the_document_that_its_caller_has_seen(results, asking):
    await results.reserve(asking())
    assert await results.finish(asking(), b"{1}") == b"{1}"
    assert await results.finish(asking(), b"{2}") == b"{1}"
    assert await document(results, asking()) == b"{1}"


async def test_a_request_that_is_cancelled_while_it_is_scored_stays_cancelled(results, asking):
    await results.reserve(asking())
    assert await results.cancel(asking().id, lambda _: b"{cancelled}") == "cancelled"
    assert await results.finish(asking(), b"{done}") == b"{cancelled}"
    assert await document(results, asking()) == b"{cancelled}"


async def test_a_provisional_document_is_pending_until_it_is_due(results, asking, clock):
    await results.reserve(asking())
    assert await results.store_provisional(asking(), b"{late}", due_s=30) == "pending"
    clock.now += 29
    assert await document(results, asking()) is None
    assert await results.reserve(asking()) == "pending"
    clock.now += 1
    assert await document(results, asking()) == b"{late}"


async def test_a_provisional_document_that_is_due_answers_no_later_delivery(results, asking, clock):
    await results.store_provisional(asking(), b"{late}", due_s=30)
    clock.now += 30
    assert await results.find(asking()) == ("pending", b"")
    assert await results.finish(asking(), b"{done}")
    assert await document(results, asking()) == b"{done}"
    assert await results.find(asking()) == ("finished", b"{done}")


async def test_a_request_that_ran_out_of_attempts_can_be_sent_again(results, asking, clock):
    await results.store_provisional(asking(), b"{late}", due_s=0)
    assert await document(results, asking()) == b"{late}"
    assert await results.reserve(asking(b"other")) == "other"
    assert await results.reserve(asking()) == "new"
    assert await document(results, asking()) is None


async def test_a_provisional_document_does_not_replace_a_final_one(results, asking):
    await results.finish(asking(), b"{done}")
    assert await results.store_provisional(asking(), b"{late}", due_s=0) == "finished"
    assert await document(results, asking()) == b"{done}"


async def test_a_later_provisional_document_is_due_later(results, asking, clock):
    await results.store_provisional(asking(), b"{1}", due_s=0)
    await results.store_provisional(asking(), b"{2}", due_s=10)
    assert await document(results, asking()) is None
    clock.now += 10
    assert await document(results, asking()) == b"{2}"


async def left_s(results: ResultStore, request: Request) -> float:
    entry = await results._cache.get(keys.result_key(request.id))
    assert entry is not None
    return float(entry.ttl_left_s)


async def test_a_reservation_lives_as_long_as_its_message_and_a_document_for_its_own_time(
    results, asking, clock
):
    await results.reserve(asking())
    assert await left_s(results, asking()) == pytest.approx(1000, abs=0.01)
    clock.now += 900
    await results.reserve(asking())  # its message is sent again
    assert await left_s(results, asking()) == pytest.approx(1000, abs=0.01)
    clock.now += 30
    await results.finish(asking(), b"{}")
    assert await left_s(results, asking()) == pytest.approx(60, abs=0.01)


async def test_a_message_is_the_same_whatever_type_is_guessed_from_its_batch(results, asking):
    first = asking(source="servicebus", content_type="text/csv")
    again = asking(source="servicebus", content_type="")
    told = asking(source="servicebus", headers={"content_type": "text/csv"})
    await results.finish(first, b"{}")
    assert (await results.find(again))[0] == "finished"
    assert (await results.find(told))[0] == "other"


async def test_a_value_that_is_not_a_result_counts_as_absent(redis_server, results, asking):
    if not isinstance(results._cache, RedisCache):
        return
    client = Redis.from_url(redis_server.url)
    for garbage in (b"", b"garbage", b"\x02" * 100):
        await client.set(keys.result_key(asking().id), garbage)
        assert await results.get(asking().id) is None
        assert await results.finish(asking(), b"{}")
        assert await document(results, asking()) == b"{}"
    await client.aclose()
