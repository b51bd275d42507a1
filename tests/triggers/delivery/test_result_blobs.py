"""Results that are too large for a message: in a blob first, then in a document that names it."""

import json

import azure.functions as func
import orjson
import pytest
from azure.storage.blob import BlobServiceClient

from inference.errors import InternalError, Overloaded
from inference.request import Answer, Request
from tests.storage_proxy import StorageProxy
from tests.waiting import eventually_async
from triggers.delivery.outbox import Outbox
from triggers.delivery.result_blobs import ResultBlobs
from triggers.envelope import MAX_BYTES
from triggers.http_trigger.score_blueprint import HttpHandler
from triggers.retry import Retry
from triggers.storage import lazy_container, storage_clients
from triggers.storage.lazy_container import LazyContainer

LARGE = orjson.dumps([0.125] * 60_000)

ASKED = func.HttpRequest(
    method="GET", url="http://localhost:7071/api/results/m1", route_params={"id": "m1"}, body=b""
)


def answer(body=LARGE, content_type="application/json", **more):
    return Answer(body, content_type, cache="miss", elapsed_ms=1.0, **more)


def container_of(connection_string, name="out", **env):
    return LazyContainer({"ScoringStorage": connection_string, **env}, name)


@pytest.fixture
def storage(azurite):
    with BlobServiceClient.from_connection_string(azurite.connection_string) as account:
        yield account
        for container in account.list_containers():
            account.delete_container(container.name)


@pytest.fixture
def blobs(azurite, storage):
    return ResultBlobs(container_of(azurite.connection_string))


@pytest.fixture
def outbox(scorer, results, blobs):
    return Outbox(results, scorer.finished, trigger="servicebus", result_blobs=blobs)


async def sent(outbox, scorer, given=None, name="m1", body=b"rows"):
    request = Request(id=name, source="servicebus", body=body, references={"message_id": name})
    document = await outbox.store_answer(request, given or answer(), scorer.model)
    assert len(document) <= MAX_BYTES
    return json.loads(document)


def read(storage, document):
    place = document["result_blob"]
    blob = storage.get_blob_client(place["container"], place["blob"])
    found = blob.download_blob()
    assert found.properties.size == place["bytes"]
    assert found.properties.content_settings.content_type == place["content_type"]
    return found.readall()


async def test_the_document_names_the_blob_that_holds_the_result(outbox, scorer, results, storage):
    done = await sent(outbox, scorer)
    assert (done["status"], done["result"], done["error"]) == ("succeeded", None, None)
    assert done["message_id"] == "m1"
    assert read(storage, done) == LARGE
    # The result store and a redelivery have the same document.
    assert json.loads((await results.get("m1")).document) == done


async def test_a_result_that_the_queue_can_carry_is_in_its_document(outbox, scorer, storage):
    done = await sent(outbox, scorer, answer(b"[1,2]"))
    assert done["result"] == [1, 2]
    assert "result_blob" not in done
    assert list(storage.list_containers()) == []


@pytest.mark.parametrize(
    ("given", "content_type", "ending"),
    [
        (answer(), "application/json", ".json"),
        (answer(b"1\n" * 200_000, "text/csv; charset=utf-8"), "text/csv; charset=utf-8", ".csv"),
        (answer(b"\x93NUMPY" * 60_000, "application/x-npy"), "application/x-npy", ".npy"),
        (answer(b"t" * 300_000, "text/plain"), "text/plain", ".txt"),
        (answer(b"\0" * 300_000, "image/png"), "image/png", ".bin"),
        (answer(b"{" * 300_000, from_script=True), "application/octet-stream", ".bin"),
        (answer(b"\0" * 300_000, ""), "application/octet-stream", ".bin"),
    ],
)
async def test_the_blob_is_the_answer_in_its_own_type(
    outbox, scorer, results, blobs, storage, given, content_type, ending
):
    done = await sent(outbox, scorer, given)
    assert done["result_blob"]["content_type"] == content_type
    assert done["result_blob"]["blob"].endswith(ending)
    assert read(storage, done) == given.body


async def test_the_same_result_has_one_blob_and_another_one_never_replaces_it(
    outbox, scorer, storage
):
    first = await sent(outbox, scorer)
    assert await sent(outbox, scorer, body=b"other rows", given=answer(b"[7]" * 200_000)) != first
    again = await sent(outbox, scorer)
    assert again["result_blob"] == first["result_blob"]
    assert read(storage, first) == LARGE


@pytest.mark.parametrize("name", ["../../x", "a/b?c=d#e", "ü" * 100, "\udcff", "...", "%2e%2e/x"])
async def test_no_id_leads_out_of_the_folder_of_results(outbox, scorer, storage, name):
    done = await sent(outbox, scorer, name=name)
    folder, _, file = done["result_blob"]["blob"].partition("/")
    assert (folder, "/" in file, ".." in file) == ("results", False, False)
    assert read(storage, done) == LARGE


async def test_http_answers_the_whole_document(outbox, scorer, results, blobs):
    done = await sent(outbox, scorer, answer(b"1\n" * 200_000, "text/csv"))
    told = await HttpHandler(scorer, results, blobs).result(ASKED)
    assert told.status_code == 200
    assert json.loads(told.get_body()) == done | {"result": "1\n" * 200_000}


async def test_a_result_that_http_reads_counts_as_a_body_in_work(
    make_scorer, model_dir, results, blobs
):
    scorer = make_scorer(model_dir, MAX_BODIES_IN_WORK_BYTES="1000000")
    outbox = Outbox(results, scorer.finished, trigger="servicebus", result_blobs=blobs)
    await sent(outbox, scorer)
    handler = HttpHandler(scorer, results, blobs)
    full = await scorer.bodies.take(500_000)
    refused = await handler.result(ASKED)
    assert refused.status_code in (429, 503)
    assert "MAX_BODIES_IN_WORK_BYTES" in json.loads(refused.get_body())["error"]["message"]
    full.give()
    assert (await handler.result(ASKED)).status_code == 200
    assert scorer.bodies._budget._any.held == 0


async def test_http_says_that_a_result_whose_blob_was_deleted_has_expired(
    outbox, scorer, results, blobs, storage
):
    done = await sent(outbox, scorer)
    storage.get_blob_client("out", done["result_blob"]["blob"]).delete_blob()
    told = await HttpHandler(scorer, results, blobs).result(ASKED)
    assert (told.status_code, json.loads(told.get_body())["error"]["code"]) == (
        404,
        "unknown_result",
    )


async def test_storage_that_is_away_for_a_moment_is_waited_for(
    azurite, storage, scorer, results, monkeypatch
):
    monkeypatch.setattr(storage_clients, "RETRY_TOTAL", 0)
    with StorageProxy(azurite) as proxy:
        proxy.fail_first(2, "busy", method="PUT")
        outbox = Outbox(
            results,
            scorer.finished,
            trigger="servicebus",
            result_blobs=ResultBlobs(
                container_of(proxy.connection_string), retry=Retry(max_s=5, first_pause_s=0.01)
            ),
        )
        assert read(storage, await sent(outbox, scorer)) == LARGE


@pytest.mark.parametrize(("fault", "raised"), [("busy", Overloaded), ("refuse", InternalError)])
async def test_no_document_names_a_blob_that_could_not_be_written(
    azurite, storage, scorer, results, monkeypatch, fault, raised
):
    monkeypatch.setattr(storage_clients, "RETRY_TOTAL", 0)
    with StorageProxy(azurite) as proxy:
        proxy.plan = lambda _method, _path: fault
        blobs = ResultBlobs(container_of(proxy.connection_string), retry=Retry(max_s=0))
        outbox = Outbox(results, scorer.finished, trigger="servicebus", result_blobs=blobs)
        with pytest.raises(raised):
            await sent(outbox, scorer)
    assert await results.get("m1") is None


async def test_an_account_that_hangs_is_given_up(azurite, monkeypatch):
    monkeypatch.setattr(lazy_container, "CALL_S", 0.2)
    with StorageProxy(azurite) as proxy:
        proxy.plan = lambda _method, _path: "hang"
        with pytest.raises(Overloaded, match=r"within 0\.2 s; try again later"):
            await container_of(proxy.connection_string).write("x", b"x", "")
        await eventually_async(lambda: proxy.asked)


@pytest.mark.parametrize(
    ("env", "configured"),
    [
        ({}, False),
        ({"ServiceBusConnection": "Endpoint=sb://x.servicebus.windows.net"}, False),
        ({"ServiceBusConnection": "Endpoint=sb://localhost;UseDevelopmentEmulator=true;"}, True),
        ({"ScoringStorage__blobServiceUri": "https://name.blob.core.windows.net"}, True),
        ({"ScoringStorage__serviceUri": "https://name.blob.core.windows.net"}, True),
    ],
)
async def test_without_an_account_a_large_result_is_in_the_result_store_alone(
    scorer, results, env, configured
):
    blobs = ResultBlobs.connected(env, "out")
    assert blobs.is_configured is configured
    if not configured:
        outbox = Outbox(results, scorer.finished, trigger="servicebus", result_blobs=blobs)
        assert (await sent(outbox, scorer))["error"]["code"] == "result_too_large"
        assert len(json.loads((await results.get("m1")).document)["result"]) == 60_000


def test_the_emulators_short_form_is_known_to_the_sdk():
    env = {"ServiceBusConnection": "Endpoint=sb://localhost;UseDevelopmentEmulator=true;"}
    assert "127.0.0.1:10000" in repr(LazyContainer(env, "out")._open()._container.url)
