import json

import orjson
import pytest
from backports import zstd

from cache import keys
from cache.memory_cache import MemoryCache
from inference.errors import Overloaded, ScoringTimeout
from inference.request import Request
from inference.serving.scorer import Scorer
from inference.settings import InferenceSettings
from triggers import envelope
from triggers.service_bus_trigger.message_scoring import MessageHandler
from triggers.service_bus_trigger.received_message import ReceivedMessage

ROW = b'{"data": [[0.9, 0.9, 0.9]]}'


def message(
    body: bytes = ROW, name: str = "m1", delivery_count: int = 1, properties=None, content_type=""
) -> ReceivedMessage:
    return ReceivedMessage(
        body=body,
        message_id=name,
        delivery_count=delivery_count,
        sequence_number=7,
        content_type=content_type,
        application_properties=properties or {},
    )


@pytest.fixture
def handler(scorer, results):
    return MessageHandler(scorer, results, retry_s=0)


async def documents(handler, *messages):
    return [json.loads(document) for document in (await handler.score(messages)).documents]


async def test_every_message_ends_in_one_document_in_order(handler, scorer):
    done = await documents(handler, *(message(name=f"m{n}") for n in range(5)))
    assert [document["id"] for document in done] == [f"m{n}" for n in range(5)]
    assert {document["status"] for document in done} == {"succeeded"}
    assert {document["source"] for document in done} == {"servicebus"}
    assert [document["result"] for document in done] == [[1]] * 5
    assert done[0]["model"] == scorer.model.as_dict()


@pytest.mark.parametrize(
    ("body", "kind", "code", "says"),
    [
        (b"", "", "malformed_input", "empty"),
        (b"{", "", "malformed_input", "not JSON"),
        (b"[[1,2]]", "", "unfit_input", "expected a list of 3 values"),
        (b'[[1,2,"x"]]', "", "unfit_input", "column 2: expected a number"),
        (b"1,2,nan", "text/csv", "unfit_input", "finite number"),
        (b"<x/>", "text/xml", "unsupported_type", "text/xml"),
        (b" " * 300_001, "", "input_too_large", "MAX_BODY_BYTES"),
    ],
)
async def test_a_message_that_can_never_succeed_ends_in_a_failed_document(
    handler, store, body, kind, code, says
):
    bad = message(body, properties={"content_type": kind} if kind else {})
    failed, succeeded = await documents(handler, bad, message(name="m2"))
    assert (failed["status"], failed["error"]["code"]) == ("failed", code)
    assert says in failed["error"]["message"]
    assert failed["result"] is None
    assert succeeded["status"] == "succeeded"


async def test_the_application_property_says_the_type(handler):
    (done,) = await documents(
        handler, message(b"0.9,0.9,0.9\n", properties={"Content_Type": "text/csv"})
    )
    assert done["result"] == [1]


@pytest.mark.parametrize("name", ["content_encoding", "Content-Encoding"])
async def test_a_message_says_its_compression_and_charset(handler, name):
    packed = zstd.compress("0.9,0.9,0.9\n0.1,0.1,0.1\n".encode("utf-16"))
    properties = {"content_type": "text/csv; charset=utf-16", name: "zstd"}
    (done,) = await documents(handler, message(packed, properties=properties))
    assert (done["status"], done["result"]) == ("succeeded", [1, 0])


async def test_a_messages_own_content_type_counts_and_the_body_decides_without_one(handler):
    done = await documents(
        handler,
        message(b"0.9,0.9,0.9\n", content_type="text/csv"),
        message(name="m2"),
        message(name="m3", content_type="text/csv", properties={"content_type": "text/json"}),
    )
    assert [document["result"] for document in done] == [[1]] * 3


async def test_an_internal_error_fails_one_message_and_not_its_neighbours(
    handler, scorer, monkeypatch
):
    real = scorer.predict

    async def faulty(question, **how):
        if len(question) == 2:
            raise AttributeError("oops")
        return await real(question, **how)

    monkeypatch.setattr(scorer, "predict", faulty)
    failed, done = await documents(handler, message(b"[[1,1,1],[1,1,1]]"), message(name="m2"))
    assert failed["error"]["code"] == "internal_error"
    assert "AttributeError" in failed["error"]["message"]
    assert "oops" not in failed["error"]["message"]
    assert done["status"] == "succeeded"


async def test_a_redelivered_message_gets_the_same_document(handler):
    first = await handler.score([message()])
    again = await handler.score([message(delivery_count=2)])
    assert first == again


async def test_a_batch_with_a_retryable_error_is_delivered_again(handler, scorer, monkeypatch):
    async def fail(request: Request):
        raise Overloaded("too much")

    monkeypatch.setattr(scorer, "score", fail)
    with pytest.raises(Overloaded):
        await handler.score([message(), message(name="m2")])


async def test_a_finished_message_keeps_its_document_when_its_batch_is_delivered_again(
    handler, scorer, results, monkeypatch
):
    real = scorer.score

    async def one_waits(request: Request):
        if request.id == "m1":
            raise Overloaded("busy")
        return await real(request)

    with monkeypatch.context() as patched:
        patched.setattr(scorer, "score", one_waits)
        with pytest.raises(Overloaded):
            await handler.score([message(), message(name="m2")])
    kept = (await results.get("m2")).document
    again, _ = await handler.score(
        [message(delivery_count=2), message(name="m2", delivery_count=2)]
    )
    assert again[1].encode() == kept
    assert len(again) == 2


async def test_a_call_past_its_deadline_is_answered_and_not_tried_again(
    handler, scorer, monkeypatch
):
    async def hangs(request: Request):
        raise ScoringTimeout("late")

    monkeypatch.setattr(scorer, "score", hangs)
    (late,) = await documents(handler, message())
    assert (late["status"], late["error"]["code"]) == ("failed", "scoring_timeout")


async def test_messages_wait_for_the_model_however_long_its_queue_is(tmp_path, results):
    (tmp_path / "score.py").write_text(
        "import time\ndef init(): ...\ndef run(data): time.sleep(0.1); return data\n"
    )
    settings = InferenceSettings.from_env(
        {"AZUREML_MODEL_DIR": str(tmp_path), "SCORING_TIMEOUT_S": "0.3"}, root=tmp_path
    )
    slow = Scorer(settings, MemoryCache(), keys)
    many = [message(str(n).encode(), name=f"m{n}") for n in range(10)]
    done = await documents(MessageHandler(slow, results, retry_s=0), *many)
    await slow.close()
    assert {document["status"] for document in done} == {"succeeded"}


async def test_a_request_from_http_keeps_its_id_and_source(handler, results):
    enqueued = Request(id="r1", source="http", body=ROW)
    await results.reserve(enqueued)
    # The platform writes a JSON object anew, with indentation.
    body = orjson.dumps(orjson.loads(envelope.pack(enqueued)), option=orjson.OPT_INDENT_2)
    (done,) = await documents(handler, message(body))
    assert (done["id"], done["source"], done["result"]) == ("r1", "http", [1])
    assert json.loads((await results.get("r1")).document) == done


async def test_a_finished_request_gets_its_document_although_no_earlier_delivery_is_counted(
    handler,
):
    # A broker that restarts forgets its locks, and that it has delivered a message.
    body = envelope.pack(Request(id="r1", source="http", body=ROW)).encode()
    first = await documents(handler, message(body))
    assert len(first) == 1
    assert await documents(handler, message(body)) == first


async def test_a_request_that_is_twice_in_a_batch_is_answered_once(handler):
    body = envelope.pack(Request(id="r1", source="http", body=ROW)).encode()
    (done,) = await documents(handler, message(body), message(body, name="m2"))
    assert done["id"] == "r1"


async def test_the_document_of_a_result_too_large_for_the_queue_says_where_it_is(handler, results):
    body = orjson.dumps([[0, 0, 0]] * 37_000)
    (done,) = await documents(handler, message(body))
    assert (done["status"], done["result"]) == ("succeeded", None)
    assert done["error"]["code"] == "result_too_large"
    assert "/api/results/m1" in done["error"]["message"]
    assert len(json.loads((await results.get("m1")).document)["result"]) == 37_000


def test_a_body_that_is_no_envelope_stays_a_message():
    for body in (ROW, b"{", b'{"triscore_request": 1}', b'{"triscore_request": 1, "id": "a",'):
        assert envelope.unpack(body) is None
