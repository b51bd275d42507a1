"""Blobs whose attempts all fail: one failed document, even if the process is killed."""

import asyncio
import json

import pytest
from azure.storage.blob import BlobLeaseClient

from inference.errors import ModelUnavailable
from tests.triggers.blob_trigger.blob_parts import parts, storage_of
from triggers.blob_trigger import exhausted_blobs
from triggers.blob_trigger.blob_work import BlobWork
from triggers.blob_trigger.exhausted_blobs import POLL_S

CSV = b"0.9,0.9,0.9\n0.1,0.1,0.1\n"
NO_MODEL = ModelUnavailable("the model did not load: OSError")


@pytest.fixture
def storage(azurite):
    with storage_of(azurite) as account:
        yield account


@pytest.fixture
def made(scorer, results, storage):
    return parts(scorer, results, storage, max_attempts=3)


@pytest.fixture
def blob(storage):
    return storage.source.upload_blob("rows.csv", CSV)


@pytest.fixture
def broken(scorer, monkeypatch):
    """`with broken(): …`: the model can't be asked meanwhile."""

    async def refuse(*_, **__):
        raise NO_MODEL

    class Broken:
        def __enter__(self):
            self.context = monkeypatch.context()
            self.context.__enter__().setattr(scorer, "predict", refuse)

        def __exit__(self, *_):
            self.context.__exit__(None, None, None)

    return Broken


def key_of(blob, storage):
    return BlobWork.of(blob, storage.output, blob.get_blob_properties()).request


async def fail(made, blob, storage, times):
    for _ in range(times):
        with pytest.raises(ModelUnavailable):
            await made.handler.score(blob, storage.output)


async def test_after_the_last_attempt_there_is_one_failed_document_and_a_report(
    made, blob, broken, storage, results
):
    storage.output.create_container()
    storage.output.upload_blob("rows.csv", b"of an earlier blob")
    with broken():
        await fail(made, blob, storage, 2)
        assert (made.sent, storage.outputs()) == ([], ["rows.csv"])
        await fail(made, blob, storage, 1)
    (document,) = made.sent
    assert (document["status"], document["source"]) == ("failed", "blob")
    assert document["error"]["code"] == "tries_exhausted"
    for told in ("3 of 3 attempts", "OSError", "triscore requeue"):
        assert told in document["error"]["message"]
    assert storage.outputs() == ["rows.csv.report.json"]
    assert storage.report("rows.csv")["error"] == document["error"]
    assert storage.report("rows.csv")["id"] == document["id"]
    assert json.loads((await results.get(document["id"])).document) == document
    assert storage.markers() == []


async def test_an_exhausted_document_answers_no_later_delivery(
    made, blob, broken, storage, results
):
    with broken():
        await fail(made, blob, storage, 3)
    document = json.loads(await made.handler.score(blob, storage.output))
    assert (document["status"], document["id"]) == ("succeeded", made.sent[0]["id"])
    assert storage.report("rows.csv")["status"] == "succeeded"
    assert json.loads((await results.get(document["id"])).document) == document
    assert json.loads(await made.handler.score(blob, storage.output)) == document


async def test_the_result_is_pending_during_the_last_attempt(
    made, blob, storage, results, scorer, monkeypatch, broken
):
    with broken():
        await fail(made, blob, storage, 2)
    seen = []
    predict = scorer.predict

    async def looked_at(*args, **kwargs):
        seen.append((await results.get(key_of(blob, storage).id)).pending)
        seen.append(await made.exhausted.poll())
        return await predict(*args, **kwargs)

    monkeypatch.setattr(scorer, "predict", looked_at)
    assert json.loads(await made.handler.score(blob, storage.output))["status"] == "succeeded"
    assert seen == [True, 20.0]  # somebody has its lease: a look ends nothing, and comes back soon
    assert ([each["status"] for each in made.sent], storage.markers()) == (["succeeded"], [])


async def killed(made, blob, storage, scorer, monkeypatch):
    """A try of which nothing is left but what is stored; as long after as a lease lasts."""

    reached = asyncio.Event()

    async def for_ever(*_, **__):
        reached.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(scorer, "predict", for_ever)
        task = asyncio.create_task(made.handler.score(blob, storage.output))
        await asyncio.wait_for(reached.wait(), 20)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    (marker,) = storage.markers()
    client = storage.tries.get_blob_client(marker)
    if client.get_blob_properties().lease.status == "locked":
        BlobLeaseClient(client).break_lease(0)


async def test_after_kills_the_next_process_writes_the_document(
    made, blob, storage, scorer, results, monkeypatch
):
    for number in range(10):
        await killed(made, blob, storage, scorer, monkeypatch)
        if number < 2:
            assert await made.exhausted.poll() == POLL_S
            assert made.sent == []
    other = parts(scorer, results, storage, max_attempts=3)
    await other.exhausted.poll()
    (document,) = other.sent
    assert document["error"]["code"] == "tries_exhausted"
    assert "stopped" in document["error"]["message"]
    assert storage.report("rows.csv")["error"] == document["error"]
    assert json.loads((await results.get(document["id"])).document) == document
    assert storage.markers() == []
    await made.exhausted.poll()
    assert made.sent == []
    assert json.loads(await made.handler.score(blob, storage.output))["status"] == "succeeded"


async def test_an_attempt_that_has_just_begun_is_not_finished_before_it_has_its_lease(
    made, blob, storage, scorer, results, monkeypatch
):
    for _ in range(3):
        await killed(made, blob, storage, scorer, monkeypatch)
    soon = parts(scorer, results, storage, max_attempts=3, late_s=0.0)
    assert await soon.exhausted.poll() == 20.0
    assert soon.sent == []


async def test_the_markers_suffice_without_a_result_store(
    made, blob, storage, scorer, monkeypatch, results
):
    async def away(*_, **__):
        raise ConnectionError

    for name in ("get", "add", "put", "replace"):
        monkeypatch.setattr(results._cache, name, away)
    for _ in range(3):
        await killed(made, blob, storage, scorer, monkeypatch)
    await made.exhausted.poll()
    assert [document["error"]["code"] for document in made.sent] == ["tries_exhausted"]


async def test_a_blob_whose_last_attempt_was_killed_after_scoring_succeeds(
    made, blob, storage, scorer, broken, monkeypatch
):
    with broken():
        await fail(made, blob, storage, 2)

    async def killed_there(*_, **__):
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr("triggers.delivery.outbox.Outbox.store_answer", killed_there)
        with pytest.raises(asyncio.CancelledError):
            await made.handler.score(blob, storage.output)
    BlobLeaseClient(storage.tries.get_blob_client(key_of(blob, storage).id)).break_lease(0)
    await made.exhausted.poll()
    (document,) = made.sent
    assert (document["status"], document["result"]["rows"]) == ("succeeded", 2)
    assert storage.written("rows.csv")


async def test_finishing_an_older_version_keeps_the_output_of_the_newer_one(
    made, blob, storage, scorer, monkeypatch
):
    for _ in range(3):
        await killed(made, blob, storage, scorer, monkeypatch)
    storage.source.upload_blob("rows.csv", CSV + CSV, overwrite=True)
    assert json.loads(await made.handler.score(blob, storage.output))["result"]["rows"] == 4
    before = storage.report("rows.csv")
    await made.exhausted.poll()
    assert made.sent[-1]["error"]["code"] == "tries_exhausted"
    assert storage.report("rows.csv") == before
    assert storage.written("rows.csv").count(b"\n") == 4


async def test_markers_of_other_programs_are_left_alone(made, storage):
    storage.tries.create_container()
    for number, content in enumerate([b"", b"[]", b'{"id": 1}', b"\xff"]):
        storage.tries.upload_blob(f"m{number}", content, metadata={"tries": "9"})
    storage.tries.upload_blob("odd", b"{}", metadata={"tries": "many"})
    await made.exhausted.poll()
    assert (made.sent, len(storage.markers())) == ([], 5)


async def test_a_lease_is_renewed_until_its_attempt_ends(made, blob, storage, monkeypatch):
    renewed = asyncio.Event()
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(exhausted_blobs, "RENEW_S", 0.0)
    monkeypatch.setattr(BlobLeaseClient, "renew", lambda *_: loop.call_soon_threadsafe(renewed.set))
    version = BlobWork.of(blob, storage.output, blob.get_blob_properties()).version
    await made.threads.storage(made.attempts.begin, version)
    before = asyncio.all_tasks()
    async with made.exhausted.lease(version), asyncio.timeout(5):
        await renewed.wait()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
