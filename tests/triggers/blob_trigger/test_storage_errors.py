"""Errors of storage, and blobs with wrong names or encodings: one document each, in time."""

import asyncio
import gzip
import json
import math
import re
import time
import zlib

import pytest
from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient, ContentSettings
from backports import zstd

from inference.errors import ModelUnavailable, Overloaded, ScoringTimeout
from inference.request import Request
from tests.storage_proxy import StorageProxy
from tests.triggers.blob_trigger.blob_parts import parts, storage_of
from tests.waiting import eventually_async
from triggers import host_limits
from triggers.blob_trigger.blob_components import max_attempt_s
from triggers.retry import Retry
from triggers.storage import block_writer, storage_clients
from triggers.storage.storage_threads import BlobThreads

# The SDK leaves the sockets of answers that it can't read to the collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

CSV = b"0.9,0.9,0.9\n0.1,0.1,0.1\n"
MANY = b"".join(b"0.%03d,0.5,0.%05d\n" % (n % 1000, n) for n in range(20_000))
#: Waits as the product does, but for how long.
PATIENT = Retry(max_s=20, first_pause_s=0.05, max_pause_s=0.2)


@pytest.fixture
def storage(azurite):
    with storage_of(azurite) as account:
        yield account


@pytest.fixture
def proxy(azurite, monkeypatch):
    monkeypatch.setattr(storage_clients, "RETRY_TOTAL", 0)
    with StorageProxy(azurite) as proxy:
        yield proxy


@pytest.fixture
def through(storage, proxy):
    """A container as the app sees it, behind the proxy; first ranges are small."""
    opened = []

    def client(container):
        account = BlobServiceClient.from_connection_string(
            proxy.connection_string,
            **storage_clients.options()
            | {"max_single_get_size": 64 * 1024, "max_chunk_get_size": 64 * 1024},
        )
        opened.append(account)
        return account.get_container_client(container.container_name)

    yield client
    for account in opened:
        account.close()


def small_ranges(azurite, container):
    account = BlobServiceClient.from_connection_string(
        azurite.connection_string, max_single_get_size=64 * 1024, max_chunk_get_size=64 * 1024
    )
    return account.get_container_client(container.container_name)


def encoded(kind, encoding):
    return ContentSettings(content_type=kind, content_encoding=encoding)


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstd.compress)],
)
async def test_a_compressed_blob_of_many_ranges_is_scored_whole(
    scorer, results, storage, azurite, encoding, pack
):
    body = b"".join(b"0.5,0.5,0.7\n" for _ in range(5)) + b"0.1,0.1,0.1\n" * 5
    rows = b"".join(b"0.%06d,0.%06d,0.5\n" % divmod(n * 7919**2, 1_000_000) for n in range(50_000))
    packed = pack(rows + body)
    assert len(packed) > 3 * 64 * 1024
    storage.source.upload_blob("big.csv", packed, content_settings=encoded("text/csv", encoding))
    blob = small_ranges(azurite, storage.source).get_blob_client("big.csv")
    document = json.loads(await parts(scorer, results, storage).handler.score(blob, storage.output))
    assert (document["status"], document["result"]["rows"]) == ("succeeded", 50_010)
    assert storage.written("big.csv").count(b"\n") == 50_010


@pytest.mark.parametrize(
    ("name", "body", "encoding", "code", "says"),
    [
        ("lies.csv", MANY, "gzip", "malformed_input", "not gzip"),
        ("lies.csv", gzip.compress(MANY), "deflate", None, None),  # known by its first bytes
        ("cut.csv", gzip.compress(MANY)[:-10], "gzip", "malformed_input", "cut short"),
        ("cut.jsonl", gzip.compress(b"[1,2,3]\n" * 9999)[:-1], "gzip", "malformed_input", "short"),
        ("cut.json", gzip.compress(b"[[1,2,3]]")[:-1], "gzip", "malformed_input", "cut short"),
        ("br.csv", CSV, "br", "unsupported_type", "content encoding 'br'"),
        ("twice.csv", CSV, "gzip, gzip", "unsupported_type", "gzip, gzip"),
        ("utf.csv", CSV, "utf-8", "unsupported_type", "utf-8"),
        ("rows.csv.gz", CSV, None, "malformed_input", "not gzip"),
        ("rows.csv.zst", zstd.compress(MANY)[:-1], None, "malformed_input", "cut short"),
        ("rows.csv.bz2", CSV, None, "unsupported_type", "compression '*.bz2'"),
        ("rows.parquet.gz", CSV, None, "unsupported_type", "send *.parquet"),
        ("rows.gz", gzip.compress(CSV), None, "unsupported_type", "send .csv.gz, .csv.zst"),
        ("rows.tar.gz", gzip.compress(CSV), None, "unsupported_type", "*.tar.gz"),
        ("plain.csv", gzip.compress(CSV), None, "malformed_input", "UTF-8"),
    ],
    # Packed bytes tell the time of their packing: as names they would differ by process.
    ids=lambda each: each if isinstance(each, str) else "",
)
async def test_a_wrong_or_unknown_encoding_fails_at_once_with_a_report_and_a_document(
    scorer, results, storage, name, body, encoding, code, says
):
    storage.output.create_container()
    storage.output.upload_blob(name, b"of an earlier blob")
    blob = storage.source.upload_blob(name, body, content_settings=encoded(None, encoding))
    document = json.loads(await parts(scorer, results, storage).handler.score(blob, storage.output))
    if code is None:
        assert document["status"] == "succeeded"
        return
    assert (document["status"], document["error"]["code"]) == ("failed", code)
    assert says in document["error"]["message"]
    assert storage.report(name)["error"] == document["error"]
    with pytest.raises(ResourceNotFoundError):
        storage.written(name)
    assert storage.markers() == []


@pytest.mark.parametrize(
    ("fault", "method", "path"),
    [
        ("busy", "HEAD", "rows.csv"),
        ("busy", "GET", "rows.csv"),
        ("busy", "PUT", "/rows.csv"),
        ("busy", "PUT", "comp=block&"),
        ("busy", "PUT", "comp=blocklist"),
        ("busy", "PUT", "report.json"),
        ("busy", "PUT", "tries-"),
        ("busy", "DELETE", "tries-"),
        ("cut", "GET", "rows.csv"),
        ("garbage", "HEAD", "rows.csv"),
        ("garbage", "GET", "rows.csv"),
        ("garbage", "PUT", "comp=block&"),
    ],
)
async def test_short_storage_outages_are_retried_inside_the_call(
    scorer, results, storage, proxy, through, monkeypatch, fault, method, path
):
    if "comp=" in path:
        monkeypatch.setattr(block_writer, "BLOCK_BYTES", 64 * 1024)
    storage.source.upload_blob("rows.csv", MANY)
    made = parts(scorer, results, storage, connection_string=proxy.connection_string, retry=PATIENT)
    proxy.fail_first(3, fault, method=method, path=path)
    blob = through(storage.source).get_blob_client("rows.csv")
    document = json.loads(await made.handler.score(blob, through(storage.output)))
    assert (document["status"], document["result"]["rows"]) == ("succeeded", 20_000)
    assert any(asked.startswith(method) and path in asked for asked in proxy.asked)
    assert storage.written("rows.csv").count(b"\n") == 20_000
    assert storage.report("rows.csv")["status"] == "succeeded"


async def test_a_small_blob_takes_six_requests(scorer, results, storage, proxy, through):
    """Each takes the account and the app a millisecond or two."""
    for number in range(2):  # the first one creates the containers
        storage.source.upload_blob(f"{number}.csv", CSV)
        made = parts(scorer, results, storage, connection_string=proxy.connection_string)
        blob = through(storage.source).get_blob_client(f"{number}.csv")
        proxy.asked.clear()
        document = json.loads(await made.handler.score(blob, through(storage.output)))
        assert document["status"] == "succeeded"
    asked = [re.sub(r"\?.*|/devstoreaccount1", "", each) for each in proxy.asked]
    marker = document["id"]
    source, output, tries = (
        each.container_name for each in (storage.source, storage.output, storage.tries)
    )
    assert asked == [
        f"GET /{source}/1.csv",
        f"PUT /{tries}/{marker}",
        f"HEAD /{source}/1.csv",
        f"PUT /{output}/1.csv",
        f"PUT /{output}/1.csv.report.json",
        f"DELETE /{tries}/{marker}",
    ]


async def test_a_small_blob_replaces_the_output_of_an_earlier_one(
    scorer, results, storage, proxy, through
):
    made = parts(scorer, results, storage, connection_string=proxy.connection_string)
    blob = storage.source.upload_blob("rows.csv", CSV)
    await made.handler.score(blob, storage.output)
    blob.upload_blob(b"1,1,1\n", overwrite=True)
    await made.handler.score(blob, storage.output)
    assert storage.written("rows.csv").startswith(b"1,1,1,")
    assert storage.report("rows.csv")["etag"] == blob.get_blob_properties().etag


async def test_lasting_errors_of_storage_end_at_once(scorer, results, storage, proxy, through):
    storage.source.upload_blob("rows.csv", CSV)
    proxy.plan = lambda method, path: (
        "refuse" if (method, "rows.csv" in path) == ("GET", True) else None
    )
    blob = through(storage.source).get_blob_client("rows.csv")
    made = parts(scorer, results, storage, retry=PATIENT)
    document = json.loads(await made.handler.score(blob, storage.output))
    assert document["error"]["code"] == "internal_error"
    assert "BlobArchived" in document["error"]["message"]
    assert storage.report("rows.csv")["error"] == document["error"]


async def test_an_error_that_outlasts_the_retries_is_an_attempt(
    scorer, results, storage, proxy, through, caplog
):
    storage.source.upload_blob("rows.csv", CSV)
    proxy.plan = lambda method, _path: "busy" if method == "GET" else None
    made = parts(scorer, results, storage, retry=Retry(max_s=0.5, first_pause_s=0.05))
    blob = through(storage.source).get_blob_client("rows.csv")
    with pytest.raises(AzureError):
        await made.handler.score(blob, storage.output)
    assert 3 <= sum(asked.startswith("GET") for asked in proxy.asked) < 20
    assert storage.outputs() == []
    (marker,) = storage.markers()
    assert storage.tries.get_blob_client(marker).get_blob_properties().metadata == {"tries": "1"}
    lines = [each.getMessage() for each in caplog.records if each.name.startswith("triggers")]
    assert len(lines) > 1
    assert [line for line in lines if f"request {marker!r} (blob 'rows.csv')" not in line] == []


@pytest.mark.parametrize("error", [Overloaded("busy"), ModelUnavailable("not yet")])
async def test_an_overload_and_a_loading_model_are_retried(
    scorer, results, storage, monkeypatch, error
):
    predict, left = scorer.predict, [error] * 3

    async def at_last(*args, **kwargs):
        if left:
            raise left.pop()
        return await predict(*args, **kwargs)

    monkeypatch.setattr(scorer, "predict", at_last)
    blob = storage.source.upload_blob("rows.csv", CSV)
    made = parts(scorer, results, storage, retry=PATIENT)
    assert json.loads(await made.handler.score(blob, storage.output))["status"] == "succeeded"


async def test_a_call_ends_before_the_platform_cuts_it_off(scorer, results, storage, monkeypatch):
    async def for_ever(*_, **__):
        await asyncio.Event().wait()

    monkeypatch.setattr(scorer, "predict", for_ever)
    blob = storage.source.upload_blob("rows.csv", CSV)
    began = time.monotonic()
    with pytest.raises(ScoringTimeout, match="functionTimeout"):
        await parts(scorer, results, storage, max_attempt_s=0.5).handler.score(blob, storage.output)
    assert time.monotonic() - began < 5
    assert storage.outputs() == []


@pytest.mark.parametrize(
    ("document", "env", "seconds", "tries"),
    [
        ('{"version": "2.0"}', {}, 1770, 5),
        ('{"functionTimeout": "00:10:00"}', {}, 570, 5),
        ('{"functionTimeout": "00:00:10"}', {}, 7.5, 5),
        ('{"functionTimeout": "-1"}', {}, math.inf, 5),
        ("no JSON", {}, 1770, 5),
        ('{"extensions": {"blobs": {"poisonBlobThreshold": 2}}}', {}, 1770, 2),
        (
            '{"functionTimeout": "00:10:00"}',
            {
                "AzureFunctionsJobHost__functionTimeout": "01:00:00",
                "AzureFunctionsJobHost__extensions__blobs__poisonBlobThreshold": "7",
            },
            3570,
            7,
        ),
    ],
)
def test_the_limits_of_a_call_are_those_of_host_json(tmp_path, document, env, seconds, tries):
    (tmp_path / "host.json").write_text(document)
    limits = host_limits.HostLimits.read(tmp_path / "host.json", env)
    assert (max_attempt_s(limits), limits.blob_attempts) == (seconds, tries)


async def test_a_blob_that_is_deleted_before_it_is_read_ends_quietly(scorer, results, storage):
    blob = storage.source.get_blob_client("gone.csv")
    assert await parts(scorer, results, storage).handler.score(blob, storage.output) is None
    assert storage.outputs() == storage.markers() == []


async def test_a_blob_that_is_replaced_while_it_is_read_ends_as_the_newer_one(
    scorer, results, storage, monkeypatch, azurite
):
    storage.source.upload_blob("rows.csv", MANY)
    newer = MANY + MANY
    predict = scorer.predict
    replaced = []

    async def and_replaced(*args, **kwargs):
        if not replaced:
            replaced.append(storage.source.upload_blob("rows.csv", newer, overwrite=True))
        return await predict(*args, **kwargs)

    monkeypatch.setattr(scorer, "predict", and_replaced)
    monkeypatch.setattr("triggers.storage.blob_streams.READ_BYTES", 4096)
    blob = small_ranges(azurite, storage.source).get_blob_client("rows.csv")
    document = json.loads(await parts(scorer, results, storage).handler.score(blob, storage.output))
    assert document["result"]["rows"] == 40_000
    assert storage.report("rows.csv")["etag"] == blob.get_blob_properties().etag
    assert storage.markers() == []


@pytest.mark.parametrize("name", ["x.csv.report.json", "x.csv.report.json.scored", "deep/x.csv"])
async def test_blobs_never_share_an_output_or_a_report(scorer, results, storage, name):
    handler = parts(scorer, results, storage).handler
    neighbours = ["x.csv", "x.csv.report.json", "x.csv.report.json.scored", "deep/x.csv"]
    neighbours.remove(name)
    settings = ContentSettings(content_type="text/csv")
    for each in neighbours:
        content = b"[[1,2,3]]" if each.endswith(".json") else CSV
        blob = storage.source.upload_blob(each, content, content_settings=settings)
        assert json.loads(await handler.score(blob, storage.output))["status"] == "succeeded"
    before = {each: storage.written(each) for each in storage.outputs()}
    assert len(before) == 6
    blob = storage.source.upload_blob(name, b"\xff", content_settings=settings)
    assert json.loads(await handler.score(blob, storage.output))["status"] == "failed"
    after = {each: storage.written(each) for each in storage.outputs()}
    assert after.pop(f"{name}.report.json")
    assert after == before


async def test_a_hanging_account_uses_no_thread_of_other_triggers(
    scorer, results, storage, proxy, through
):
    storage.source.upload_blob("rows.csv", CSV)
    proxy.plan = lambda _method, _path: "hang"
    made = parts(scorer, results, storage, connection_string=proxy.connection_string)
    blob, output = through(storage.source).get_blob_client("rows.csv"), through(storage.output)
    calls = [asyncio.create_task(made.handler.score(blob, output)) for _ in range(40)]
    await eventually_async(lambda: len(proxy.asked) >= 32)
    body = b"[" + b",".join([b"[0.5,0.5,0.7]"] * 10_000) + b"]"
    over_http = Request(id="r", source="http", body=body, content_type="application/json")
    answer = await asyncio.wait_for(scorer.score(over_http), 5)
    assert answer.body.count(b"1") == 10_000
    proxy.plan = lambda _method, _path: None
    proxy.released.set()
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)


async def test_the_sdk_retries_for_seconds_not_for_minutes(azurite, monkeypatch):
    with StorageProxy(azurite) as proxy:
        proxy.plan = lambda _method, _path: "busy"
        with BlobServiceClient.from_connection_string(
            proxy.connection_string, **storage_clients.options()
        ) as client:
            began = time.monotonic()
            with pytest.raises(AzureError):
                await BlobThreads().storage(client.get_blob_client("in", "x").get_blob_properties)
            assert time.monotonic() - began < 10
        assert len(proxy.asked) == 3
