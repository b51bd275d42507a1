import orjson
import pytest

from cache import keys
from cache.memory_cache import MemoryCache
from inference.errors import Overloaded, UnfitInput
from inference.models import ModelId
from inference.request import Answer, Request
from inference.results import result_document
from inference.results.result_store import ResultStore
from tests.inference.serving.test_scorer import Away

MODEL = ModelId("digits", "0123456789ab")


@pytest.fixture
def results():
    return ResultStore(MemoryCache(), keys.result_key, ttl_s=60)


def asking(body: bytes = b"x", kind: str = "") -> Request:
    return Request(id="a/b c", source="http", body=body, content_type=kind)


async def test_an_id_is_pending_then_finished(results):
    assert await results.get("a/b c") is None
    assert await results.reserve(asking()) == "new"
    assert (await results.get("a/b c")).pending
    assert await results.reserve(asking()) == "pending"
    assert await results.finish(asking(), b"{}")
    assert (await results.get("a/b c")).document == b"{}"
    assert await results.reserve(asking()) == "finished"


@pytest.mark.parametrize("other", [asking(b"y"), asking(kind="text/csv")])
async def test_an_id_that_names_other_content_is_recognised(results, other):
    await results.reserve(asking())
    assert await results.reserve(other) == "other"
    assert await results.find(other) == ("other", b"")


async def test_only_a_finished_request_has_a_document(results):
    await results.reserve(asking())
    assert await results.find(asking()) == ("pending", b"")
    await results.finish(asking(), b"{}")
    assert await results.find(asking()) == ("finished", b"{}")


async def test_an_outage_is_not_a_miss():
    results = ResultStore(Away(), keys.result_key, ttl_s=60)
    assert await results.reserve(asking()) == "unreachable"
    for call in (
        results.finish(asking(), b"{}"),
        results.store_provisional(asking(), b"{}", due_s=1),
        results.find(asking()),
    ):
        with pytest.raises(Overloaded, match="ask again later"):
            await call
    with pytest.raises(Overloaded, match="ask again later"):
        await results.get("id")


def test_a_document_of_success_has_every_field_and_the_answer_as_json():
    answer = Answer(body=b"[1]", content_type="application/json", cache="miss", elapsed_ms=1)
    document = orjson.loads(result_document.succeeded(asking(), answer, MODEL))
    assert document.pop("received_at").endswith("Z")
    assert document.pop("finished_at").endswith("Z")
    assert document == {
        "id": "a/b c",
        "status": "succeeded",
        "source": "http",
        "model": {"name": "digits", "version": "0123456789ab"},
        "cache": "miss",
        "result": [1],
        "error": None,
    }


def test_a_document_of_failure_names_the_problem():
    error = UnfitInput(field="row 0", expected="a list of 3 values", got="2 values")
    document = orjson.loads(result_document.failed(asking(), error, MODEL))
    assert (document["status"], document["result"]) == ("failed", None)
    assert document["error"] == {
        "code": "unfit_input",
        "message": "row 0: expected a list of 3 values, got 2 values",
    }
