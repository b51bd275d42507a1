"""A message that fails ends in one document, and affects no other message of its batch."""

import base64
import json
import logging
from dataclasses import replace

import orjson
import pytest

from cache import keys
from cache.memory_cache import MemoryCache
from inference.errors import MalformedInput, ModelUnavailable, Overloaded
from inference.request import Request
from inference.results.result_store import ResultStore
from inference.results.stored_result import fingerprint
from tests.triggers.outages import Killed, overloaded
from tests.triggers.service_bus_trigger.test_service_bus_blueprint import ROW, documents, message
from triggers import envelope
from triggers.delivery.unstored_results import GRACE_S
from triggers.service_bus_trigger.message_scoring import LOCK_S, RETRY_S, MessageHandler


@pytest.fixture
def handler(scorer, results, clock):
    return MessageHandler(scorer, results, clock=clock, sleep=clock.sleep)


def request(name: str = "r1", body: bytes = ROW) -> Request:
    return Request(id=name, source="http", body=body)


def enqueued(name: str = "r1", body: bytes = ROW, delivery_count: int = 1, changes=None):
    """What HTTP puts on the queue; `changes` as somebody else might write it."""
    contents = orjson.loads(envelope.pack(request(name, body))) | (changes or {})
    return message(orjson.dumps(contents), name=f"message of {name}", delivery_count=delivery_count)


async def stored(results: ResultStore, name: str):
    found = await results.get(name)
    return found and found.document and json.loads(found.document)


# -- one message, never its batch


@pytest.mark.parametrize(
    "changes",
    [
        {"received_at": "9999-12-31T23:59:59-12:00"},
        {"received_at": "0001-01-01T00:00:00+14:00"},
        {"received_at": "9999-12-31T23:59:59.999999"},
        {"received_at": "9999-12-31T23:59:59.999999+00:00"},
        {"received_at": 5},
        {"id": "x" * 101},
        {"id": ""},
        {"id": None},
        {"id": ["a"]},
        {"body": "A"},
        {"body": {"a": 1}},
        {"headers": [1]},
        {"headers": None},
        {"content_type": {"a": "b"}},
    ],
    ids=str,
)
async def test_a_forged_envelope_affects_no_other_message(handler, results, changes):
    good = [message(name=f"m{number}") for number in range(5)]
    bad, *others = await documents(handler, enqueued(changes=changes), *good)
    assert bad["status"] == "failed"
    assert {other["status"] for other in others} == {"succeeded"}
    assert await stored(results, bad["id"]) == bad


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ({"message_id": ""}, "succeeded"),
        ({"delivery_count": 10**30}, "succeeded"),
        ({"application_properties": {"content_type": "x" * 300_000}}, "failed"),
        ({"application_properties": {"content_encoding": 7}}, "failed"),
        ({"application_properties": {5: object()}}, "succeeded"),
        ({"error": "no AMQP value at byte 3"}, "failed"),
    ],
    ids=lambda each: str(each)[:40],
)
async def test_an_odd_message_ends_in_one_document_and_affects_no_other(
    handler, results, parts, status
):
    odd = replace(message(name="odd"), sequence_number=3, **parts)
    strange, good = await documents(handler, odd, message(name="good"))
    assert strange["status"] == status
    assert good["id"] == "good"
    assert len(json.dumps(strange)) < 10_000
    assert await stored(results, parts.get("message_id", "odd") or "sequence-3") == strange


@pytest.mark.parametrize("part", ["score", "find", "finish"])
async def test_an_internal_error_ends_its_message_and_is_logged_with_its_id(
    handler, scorer, results, monkeypatch, caplog, part
):
    owner = scorer if part == "score" else results
    real = getattr(owner, part)

    async def faulty(request, *more, **named):
        if request.id == "bad":
            raise RecursionError("secret of the payload")
        return await real(request, *more, **named)

    monkeypatch.setattr(owner, part, faulty)
    with caplog.at_level(logging.ERROR):
        failed, good = await documents(
            handler, message(name="bad", delivery_count=2), message(name="good")
        )
    assert (failed["id"], failed["error"]["code"]) == ("bad", "internal_error")
    assert good["status"] == "succeeded"
    assert "request 'bad': RecursionError at" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("name", ["Content-Encoding", "content_encoding"])
@pytest.mark.parametrize(
    ("encoding", "body", "code"),
    [
        ("gzip", b"no gzip", "malformed_input"),
        ("gzip", base64.b64decode("H4sIAAAAAAAAA4uOBgA="), "malformed_input"),
        ("br", ROW, "unsupported_type"),
    ],
)
async def test_a_wrong_or_unknown_content_encoding_fails_at_once(
    handler, clock, name, encoding, body, code
):
    lying = message(body, properties={name: encoding})
    failed, good = await documents(handler, lying, message(name="m2"))
    assert (failed["status"], failed["error"]["code"]) == ("failed", code)
    assert good["status"] == "succeeded"
    assert clock.slept == 0


# -- an id belongs to the content that had it first


async def test_a_message_does_not_replace_the_result_of_an_http_request_of_its_id(handler, results):
    await results.reserve(request())
    (accepted,) = await documents(handler, enqueued())
    (refused,) = await documents(handler, message(b"[[0.1,0.1,0.1]]", name="r1"))
    assert (refused["status"], refused["error"]["code"]) == ("failed", "id_in_use")
    assert refused["id"].startswith("r1.")
    assert await stored(results, refused["id"]) == refused
    assert await stored(results, "r1") == accepted


async def test_a_message_does_not_take_the_id_that_http_reserved(handler, results):
    await results.reserve(request())
    refused, accepted = await documents(handler, message(b"[[0.1,0.1,0.1]]", name="r1"), enqueued())
    assert (refused["error"]["code"], accepted["id"]) == ("id_in_use", "r1")
    assert await stored(results, "r1") == accepted


@pytest.mark.parametrize("delivery_count", [1, 2])
async def test_the_second_of_two_messages_of_one_id_gets_a_document_under_its_own_id(
    handler, results, delivery_count
):
    (first,) = await documents(handler, message())
    other = message(b"[[0.1,0.1,0.1]]", delivery_count=delivery_count)
    (refused,) = await documents(handler, other)
    assert refused["error"]["code"] == "id_in_use"
    assert await stored(results, "m1") == first
    # The same name each time, whoever delivers it.
    assert [each["id"] for each in await documents(handler, other)] == [refused["id"]]


async def test_one_of_two_simultaneous_messages_of_one_id_has_it(handler, results):
    done = await documents(handler, message(), message(b"[[0.1,0.1,0.1]]"))
    assert sorted(each["status"] for each in done) == ["failed", "succeeded"]
    for each in done:
        assert await stored(results, each["id"]) == each


async def test_an_envelope_whose_id_is_reserved_for_other_content_does_not_count(handler, results):
    await results.reserve(request())
    forged, accepted = await documents(handler, enqueued(body=b"[[0.1,0.1,0.1]]"), enqueued())
    assert (forged["status"], forged["error"]["code"]) == ("failed", "id_in_use")
    assert forged["source"] == "servicebus"
    assert (accepted["id"], accepted["result"]) == ("r1", [1])
    assert await stored(results, "r1") == accepted


async def test_an_envelope_without_a_reservation_is_scored(handler, results):
    (done,) = await documents(handler, enqueued())  # its Redis was emptied
    assert (done["id"], done["source"], done["result"]) == ("r1", "http", [1])
    assert await stored(results, "r1") == done


# -- a result is stored, sooner or later


async def test_a_short_outage_is_retried_before_anything_is_sent(handler, results, cache, clock):
    await results.reserve(request())
    cache.away = True
    clock.then = lambda: setattr(cache, "away", clock.slept < 2)
    done = await documents(handler, enqueued(), message(), message(name="m2"))
    assert clock.slept < 8
    for each in done:
        assert await stored(results, each["id"]) == each


async def test_an_http_request_is_requeued_while_the_store_is_away_and_loses_no_attempt(
    handler, results, cache
):
    await results.reserve(request())
    cache.away = True
    sent = enqueued(delivery_count=10)
    done, again = await handler.score([sent, message()])
    assert [json.loads(each)["id"] for each in done] == ["m1"]
    assert [each.encode() for each in again] == [sent.body]
    cache.away = False
    assert (await results.get("r1")).pending
    (told,) = await documents(handler, message(again[0].encode()))
    assert await stored(results, "r1") == told


async def test_an_http_request_is_requeued_if_the_store_fails_after_scoring(
    handler, scorer, results, cache, monkeypatch
):
    await results.reserve(request())
    real = scorer.score

    async def then_away(request):
        answer = await real(request)
        cache.away = True
        return answer

    monkeypatch.setattr(scorer, "score", then_away)
    done, again = await handler.score([enqueued()])
    assert (done, len(again)) == ([], 1)


async def test_a_message_is_on_its_queue_at_once_in_a_long_outage_and_stored_after_it(
    handler, results, cache, clock, eventually_async
):
    cache.away = True
    (first,) = await documents(handler, message())
    # The task that waits for the cache sleeps on the same clock, a few times by then.
    assert clock.slept <= 2 * GRACE_S
    (second,) = await documents(handler, message(name="m2"))
    assert first["status"] == second["status"] == "succeeded"
    cache.away = False
    for each in (first, second):
        await eventually_async(lambda each=each: stored(results, each["id"]))
        assert await stored(results, each["id"]) == each


async def test_a_document_too_large_for_the_queue_is_stored_before_it_is_sent(
    handler, results, cache
):
    cache.away = True
    large = message(orjson.dumps([[0, 0, 0]] * 37_000))
    with pytest.raises(Overloaded, match="cache can't be reached"):
        await handler.score([large])
    cache.away = False
    (done,) = await documents(handler, large)
    assert len((await stored(results, "m1"))["result"]) == 37_000
    assert done["error"]["code"] == "result_too_large"


async def test_a_document_too_large_for_the_process_fails(scorer):
    results = ResultStore(MemoryCache(promised_bytes=2000), keys.result_key, ttl_s=60)
    handler = MessageHandler(scorer, results)
    await results.reserve(request(body=orjson.dumps([[0, 0, 0]] * 2000)))
    (done,) = await documents(handler, enqueued(body=orjson.dumps([[0, 0, 0]] * 2000)))
    assert (done["status"], done["error"]["code"]) == ("failed", "result_too_large")
    assert await stored(results, "r1") == done


# -- what may pass, and the last try


@pytest.mark.parametrize("error", [Overloaded, ModelUnavailable])
async def test_an_error_that_passes_within_a_delivery_costs_no_attempt(
    handler, scorer, clock, monkeypatch, error
):
    overloaded(scorer, monkeypatch, until=lambda: clock.slept > 20, error=error)
    done = await documents(handler, *(message(name=f"m{n}", delivery_count=10) for n in range(3)))
    assert {each["status"] for each in done} == {"succeeded"}


async def test_an_error_that_lasts_returns_the_message_before_its_lock_ends(
    handler, scorer, clock, monkeypatch, caplog
):
    overloaded(scorer, monkeypatch)
    began = clock.now
    with pytest.raises(Overloaded):
        await handler.score([message(), message(name="m2")])
    assert RETRY_S / 2 < clock.now - began < LOCK_S
    named = sorted(line.partition(" failed")[0] for line in caplog.messages)
    assert named == ["request 'm1'", "request 'm2'"]


async def test_a_killed_last_attempt_becomes_a_failed_document_when_it_is_due(
    handler, scorer, results, clock, monkeypatch
):
    seen = []

    async def killed(request):
        seen.append((await results.get(request.id)).pending)
        raise Killed

    await results.reserve(request())
    with monkeypatch.context() as patched:
        patched.setattr(scorer, "score", killed)
        with pytest.raises(Killed):
            await handler.score([enqueued(delivery_count=10)])
    assert seen == [True]
    assert (await results.get("r1")).pending
    clock.now += LOCK_S
    told = await stored(results, "r1")
    assert (told["status"], told["error"]["code"]) == ("failed", "tries_exhausted")
    # Mended, and sent round once more.
    (done,) = await documents(handler, enqueued())
    assert done["status"] == "succeeded"
    assert await stored(results, "r1") == done


@pytest.mark.parametrize(
    "which", [message(delivery_count=10, name="r1"), enqueued(delivery_count=10)]
)
async def test_a_failed_last_attempt_is_stored_at_once(
    handler, scorer, results, monkeypatch, which
):
    overloaded(scorer, monkeypatch, error=ModelUnavailable)
    with pytest.raises(ModelUnavailable):
        await handler.score([which])
    told = await stored(results, "r1")
    assert (told["status"], told["error"]["code"]) == ("failed", "tries_exhausted")


async def test_a_successful_last_attempt_is_like_any_other(handler, results):
    (done,) = await documents(handler, message(delivery_count=10))
    assert done["status"] == "succeeded"
    assert await stored(results, "m1") == done


async def test_the_number_of_attempts_is_a_setting(scorer, results, monkeypatch):
    handler = MessageHandler(scorer, results, max_delivery_count=3, retry_s=0)
    overloaded(scorer, monkeypatch)
    for delivery_count, known in [(2, None), (3, "tries_exhausted")]:
        with pytest.raises(Overloaded):
            await handler.score([message(delivery_count=delivery_count)])
        told = await stored(results, "m1")
        assert (told and told["error"]["code"]) == known


# -- what HTTP seals


def test_text_that_is_not_utf8_can_not_be_packed():
    for bad in (replace(request(), id="\udc80"), replace(request(), query="\udc80")):
        with pytest.raises(MalformedInput, match="not UTF-8"):
            envelope.pack(bad)


def test_an_unpacked_request_equals_the_one_that_was_packed():
    whole = replace(request(), content_type="text/csv", query="a=1", recompute=True)
    opened = envelope.unpack(envelope.pack(whole).encode())
    assert opened is not None
    assert fingerprint(opened) == fingerprint(whole)
    assert (opened.recompute, opened.received_at) == (True, pytest.approx(whole.received_at))
