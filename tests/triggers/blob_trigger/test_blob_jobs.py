"""A blob that is scored is a job: it has an id, shows its progress and can be ended."""

import asyncio
import json

import orjson
import pytest
from azure.core.exceptions import ResourceNotFoundError

from inference.errors import ScoringTimeout
from inference.results import running_jobs
from inference.serving.batch_report import Report
from tests.triggers.blob_trigger.blob_parts import parts, storage_of
from tests.waiting import eventually_async
from triggers.blob_trigger import blob_scoring, guarded_writes, job_monitor

CSV = b"0.9,0.9,0.9\n0.1,0.1,0.1\n"
MANY = b"0.9,0.9,0.9\n" * 200_000


@pytest.fixture
def storage(azurite):
    with storage_of(azurite) as account:
        yield account


@pytest.fixture
def handler(scorer, results, storage):
    return parts(scorer, results, storage).handler


@pytest.fixture
def score(handler, storage):
    """`score(name, body, **metadata)`: the result document of an uploaded blob."""

    async def run(name: str, body: bytes = CSV, **metadata: str):
        blob = storage.source.upload_blob(name, body, overwrite=True, metadata=metadata)
        return json.loads(await handler.score(blob, storage.output))

    return run


@pytest.fixture
def shown_soon(monkeypatch):
    monkeypatch.setattr(job_monitor, "FIRST_S", 0.0)
    monkeypatch.setattr(job_monitor, "EVERY_S", 0.02)


@pytest.fixture
def held(scorer, monkeypatch):
    """Predictions wait for the event, all but the first."""
    go, predict, calls = asyncio.Event(), scorer.predict, []

    async def wait(*args, **kwargs):
        calls.append(args)
        if len(calls) > 1:
            await go.wait()
        return await predict(*args, **kwargs)

    monkeypatch.setattr(scorer, "predict", wait)
    return go


async def test_the_metadata_name_the_id_of_the_result(score, storage, results):
    document = await score("rows.csv", request_id="mine/1")
    assert (document["id"], document["status"]) == ("mine/1", "succeeded")
    assert storage.report("rows.csv")["id"] == "mine/1"
    assert orjson.loads((await results.get("mine/1")).document) == document
    assert storage.markers() == []


async def test_the_same_version_again_gets_its_document_and_another_one_is_refused(
    score, handler, storage, results
):
    first = await score("rows.csv", request_id="taken")
    blob = storage.source.get_blob_client("rows.csv")
    assert json.loads(await handler.score(blob, storage.output)) == first
    other = await score("others.csv", request_id="taken")
    assert (other["status"], other["error"]["code"]) == ("failed", "id_in_use")
    assert other["id"].startswith("taken.")
    assert storage.report("others.csv")["error"]["code"] == "id_in_use"
    assert "others.csv" not in storage.outputs()
    assert orjson.loads((await results.get("taken")).document) == first


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("request_id", "x" * 101, "request_id in the blob's metadata: expected at most 100"),
        ("error_threshold", "5%", "error_threshold in the blob's metadata: expected -1"),
    ],
)
async def test_metadata_that_can_not_be_used_end_in_a_failed_document(score, name, value, says):
    document = await score("rows.csv", **{name: value})
    assert (document["status"], document["error"]["code"]) == ("failed", "malformed_input")
    assert says in document["error"]["message"]


async def test_the_metadata_say_how_many_rows_may_fail(score, storage):
    body = CSV + b"1,2\n" * 3
    document = await score("rows.csv", body, error_threshold="1")
    assert (document["status"], document["error"]["code"]) == ("failed", "too_many_errors")
    report = storage.report("rows.csv")
    assert (report["rows"], report["failed"]) == (4, 2)
    assert [each["row"] for each in report["errors"]] == [2, 3]
    assert (await score("rows.csv", body, error_threshold="0.6"))["status"] == "succeeded"
    assert (await score("rows.csv", body, error_threshold="0.5"))["status"] == "failed"
    with pytest.raises(ResourceNotFoundError):
        storage.written("rows.csv")


async def test_progress_is_shown_while_a_blob_is_scored(
    handler, storage, results, held, shown_soon
):
    blob = storage.source.upload_blob("rows.csv", MANY, metadata={"request_id": "long"})
    scoring = asyncio.create_task(handler.score(blob, storage.output))

    async def shown():
        found = await results.running.find("long")
        return found if found and found["rows"] else None

    progress = await eventually_async(shown)
    assert progress["status"] == "running"
    assert 0 < progress["rows"] < 200_000
    assert progress["failed"] == 0
    assert 0 < progress["share"] <= 1
    assert progress["bytes"] <= len(MANY)
    assert {"seconds", "rows_per_s", "seconds_left"} < set(progress)
    held.set()
    assert json.loads(await scoring)["result"]["rows"] == 200_000
    assert await results.running.find("long") is None


async def test_a_job_is_ended_by_its_id(handler, storage, results, held, shown_soon):
    blob = storage.source.upload_blob("rows.csv", MANY, metadata={"request_id": "long"})
    scoring = asyncio.create_task(handler.score(blob, storage.output))
    await eventually_async(lambda: results.running.find("long"))
    assert await results.cancel("long", lambda _: b"") == "cancelled"
    async with asyncio.timeout(5):
        document = json.loads(await scoring)
    assert (document["status"], document["error"]["code"]) == ("failed", "cancelled")
    assert storage.report("rows.csv")["error"]["code"] == "cancelled"
    assert storage.outputs() == ["rows.csv.report.json"]
    assert storage.markers() == []
    assert await results.cancel("long", lambda _: b"") == "finished"
    # Delivered again, it has its document.
    assert json.loads(await handler.score(blob, storage.output)) == document


async def test_a_job_is_shown_until_its_document_is_stored(
    handler, storage, results, shown_soon, monkeypatch
):
    """Who asks for its result while its report is written is not told that nobody knows it."""
    blob = storage.source.upload_blob("rows.csv", MANY, metadata={"request_id": "long"})
    write, seen = blob_scoring.write_unless_replaced, []

    async def observed(threads, work, write_part, **more):
        seen.append(await results.running.find("long"))
        return await write(threads, work, write_part, **more)

    monkeypatch.setattr(blob_scoring, "write_unless_replaced", observed)
    await handler.score(blob, storage.output)
    assert [each["status"] for each in seen] == ["running", "running"]  # predictions, report
    assert await results.running.find("long") is None


class Asked:
    """Running jobs of which one is to end, once `answer` is set."""

    def __init__(self):
        self.answer = asyncio.get_running_loop().create_future()

    async def report(self, request_id, progress):
        return await self.answer


async def test_a_job_that_ends_in_the_turn_in_which_it_is_ended_has_ended(shown_soon):
    jobs, ready = Asked(), asyncio.get_running_loop().create_future()

    async def job():
        async with job_monitor.JobMonitor(jobs, "id", Report(), size=1, stall_s=None):
            await ready
        return "scored"

    running = asyncio.create_task(job())
    await asyncio.sleep(0.01)
    jobs.answer.set_result(True)
    ready.set_result(None)
    assert await running == "scored"


async def test_a_job_that_makes_no_progress_ends(results):
    report = Report()

    async def run(stall_s: float, rows: int) -> None:
        async with job_monitor.JobMonitor(results.running, "id", report, size=100, stall_s=stall_s):
            report.bytes = 1
            for _ in range(rows):
                await asyncio.sleep(0.05)
                report.rows += 1
            await asyncio.Event().wait()

    with pytest.raises(ScoringTimeout, match=r"no progress for 0\.3 s"):
        async with asyncio.timeout(5):
            await run(0.3, 0)


async def test_a_job_that_makes_progress_may_take_any_time(results, shown_soon):
    report = Report()
    async with job_monitor.JobMonitor(results.running, "id", report, size=100, stall_s=0.2):
        for _ in range(20):
            await asyncio.sleep(0.05)
            report.rows += 1
    assert report.rows == 20


async def test_the_document_of_the_last_try_is_renewed_while_the_job_runs(results, shown_soon):
    renewed = []

    async def renew():
        renewed.append(1)

    async with job_monitor.JobMonitor(
        results.running, "id", Report(), size=1, stall_s=0.2, renew=renew
    ):
        await asyncio.sleep(0.4)
    assert len(renewed) >= 3


async def test_a_cache_that_is_away_ends_no_job(results, shown_soon, monkeypatch):
    async def away(*_, **__):
        raise ConnectionError("away")

    monkeypatch.setattr(results.running, "report", away)
    async with job_monitor.JobMonitor(results.running, "id", Report(), size=1, stall_s=None):
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("newer", [b"0.1,0.1,0.1\n", b"1,2\n"])
async def test_a_newer_version_wins_over_an_older_one_that_ends_later(
    handler, storage, monkeypatch, newer
):
    """The older one is about to be committed when the newer one is uploaded and scored whole."""
    blob = storage.source.upload_blob("rows.csv", MANY)
    commit = guarded_writes.write_unless_replaced
    between = []

    async def replaced_before(threads, work, write, **more):
        if not between:
            between.append(work)
            blob.upload_blob(newer, overwrite=True)
            await handler.score(blob, storage.output)
        return await commit(threads, work, write, **more)

    monkeypatch.setattr(blob_scoring, "write_unless_replaced", replaced_before)
    await handler.score(blob, storage.output)
    report = storage.report("rows.csv")
    assert report["etag"] == blob.get_blob_properties().etag
    if newer == b"1,2\n":
        assert storage.outputs() == ["rows.csv.report.json"]
    else:
        assert storage.written("rows.csv") == b"0.1,0.1,0.1,0,\n"
        output = storage.output.get_blob_client("rows.csv").get_blob_properties()
        assert report["output_etag"] == output.etag


async def test_a_newer_version_wins_between_the_check_and_the_commit(handler, storage, monkeypatch):
    blob = storage.source.upload_blob("rows.csv", MANY)
    check = guarded_writes._require_current
    between = []

    async def replaced_after(threads, work):
        await check(threads, work)
        if not between:
            between.append(work)
            blob.upload_blob(b"0.1,0.1,0.1\n", overwrite=True)
            await handler.score(blob, storage.output)

    monkeypatch.setattr(guarded_writes, "_require_current", replaced_after)
    document = json.loads(await handler.score(blob, storage.output))
    assert storage.written("rows.csv") == b"0.1,0.1,0.1,0,\n"
    assert storage.report("rows.csv")["id"] == document["id"]


def test_jobs_are_forgotten_soon_after_their_process_is_killed():
    assert running_jobs.EVERY_S * 5 < running_jobs.LIVES_S <= 30
