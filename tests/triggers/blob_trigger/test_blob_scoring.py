import csv
import io
import json

import numpy as np
import pytest
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import ContentSettings

from inference.errors import Overloaded
from tests.triggers.blob_trigger.blob_parts import parts, storage_of
from triggers.storage import blob_streams, block_writer

# The SDK leaves the sockets of answers that it can't read to the collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

CSV = b"0.9,0.9,0.9\n0.1,0.1,0.1\n"


@pytest.fixture
def storage(azurite):
    with storage_of(azurite) as account:
        yield account


@pytest.fixture
def handler(scorer, results, storage):
    return parts(scorer, results, storage).handler


@pytest.fixture
def score(handler, storage):
    """`score(name, body, content_type)`: the result document of an uploaded blob."""

    async def run(name: str, body: bytes, content_type: str | None = None):
        settings = ContentSettings(content_type=content_type) if content_type else None
        blob = storage.source.upload_blob(name, body, overwrite=True, content_settings=settings)
        return json.loads(await handler.score(blob, storage.output))

    return run


async def test_a_blob_ends_in_its_predictions_a_report_and_a_document(score, storage, scorer):
    document = await score("a/rows.csv", CSV + b"1,2\n")
    assert storage.written("a/rows.csv").startswith(b"0.9,0.9,0.9,1,\n0.1,0.1,0.1,0,\n1,2,,")
    report = json.loads(storage.written("a/rows.csv.report.json"))
    etag = storage.source.get_blob_client("a/rows.csv").get_blob_properties().etag
    assert report.pop("seconds") > 0
    assert report.pop("rows_per_s") > 0
    written = storage.output.get_blob_client("a/rows.csv").get_blob_properties()
    reason = "row 2: expected a list of 3 values, got 2 values"
    assert report == {
        "id": document["id"],
        "status": "succeeded",
        "rows": 3,
        "failed": 1,
        "errors": [{"row": 2, "message": reason}],
        "header": report["header"],
        "cache_hits": 0,
        "output": f"{storage.output.container_name}/a/rows.csv",
        "output_etag": written.etag,
        "model": scorer.model.as_dict(),
        "input": f"{storage.source.container_name}/a/rows.csv",
        "etag": etag,
        "error": None,
    }
    assert (document["status"], document["source"]) == ("succeeded", "blob")
    assert document["result"]["output"] == f"{storage.output.container_name}/a/rows.csv"
    assert document["result"]["rows"] == 3


async def test_a_second_delivery_of_a_blob_version_gets_the_same_document(handler, score, storage):
    first = await score("rows.csv", CSV)
    blob = storage.source.get_blob_client("rows.csv")
    assert json.loads(await handler.score(blob, storage.output)) == first
    newer = await score("rows.csv", CSV)
    assert newer["id"] != first["id"]
    assert newer["cache"] == "hit"


@pytest.mark.parametrize(
    ("name", "body", "kind", "code", "says"),
    [
        ("rows.json", b"", None, "malformed_input", "empty"),
        ("rows.json", b"{", None, "malformed_input", "not JSON"),
        ("rows.csv", b"1,2\n", None, "unfit_input", "expected a list of 3 values"),
        ("rows.csv", b"1,2,x\n", None, "unfit_input", "column 2: expected a number"),
        ("rows.csv", b"1,2,nan\n", None, "unfit_input", "finite number"),
        ("rows.xyz", b"1,2,3\n", None, "unsupported_type", "*.xyz"),
        ("rows", b"<x/>", "text/xml", "unsupported_type", "text/xml"),
        ("rows.json", b" " * 300_001, None, "input_too_large", "MAX_BODY_BYTES"),
    ],
)
async def test_a_blob_that_can_not_be_scored_ends_in_a_failed_document(
    score, storage, store, name, body, kind, code, says
):
    document = await score(name, body, kind)
    assert (document["status"], document["error"]["code"]) == ("failed", code)
    assert says in document["error"]["message"]
    report = json.loads(storage.written(f"{name}.report.json"))
    assert (report["status"], report["error"]) == ("failed", document["error"])
    with pytest.raises(ResourceNotFoundError):
        storage.written(name)
    assert not [key for key in store._near._held if not key.startswith("triscore:r:")]


async def test_a_blob_that_fails_deletes_the_output_of_an_earlier_one(score, storage):
    await score("rows.csv", CSV)
    assert (await score("rows.csv", b"1,2\n"))["status"] == "failed"
    with pytest.raises(ResourceNotFoundError):
        storage.written("rows.csv")


@pytest.mark.parametrize(
    ("name", "kind"), [("rows.CSV", None), ("rows", "text/csv"), ("rows.data", "text/csv")]
)
async def test_the_format_is_told_by_the_name_then_by_the_content_type(score, storage, name, kind):
    await score(name, CSV, kind)
    assert storage.written(name) == b"0.9,0.9,0.9,1,\n0.1,0.1,0.1,0,\n"
    assert (
        storage.output.get_blob_client(name).get_blob_properties().content_settings["content_type"]
        == "text/csv; charset=utf-8"
    )


async def test_an_array_of_many_blocks_comes_back_whole(score, storage, monkeypatch):
    monkeypatch.setattr(block_writer, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(blob_streams, "READ_BYTES", 777)
    rows = np.random.default_rng(0).random((1500, 3))
    body = "\n".join(",".join(map(repr, row)) for row in rows.tolist()).encode()
    await score("many.csv", body)
    lines = list(csv.reader(io.StringIO(storage.written("many.csv").decode())))
    np.testing.assert_array_equal([list(map(float, line[:3])) for line in lines], rows)


async def test_a_retryable_error_writes_nothing_and_the_blob_is_delivered_again(
    handler, scorer, score, storage, results, monkeypatch
):
    storage.output.create_container()

    async def fail(*_, **__):
        raise Overloaded("busy")

    with monkeypatch.context() as patched:
        patched.setattr(scorer, "predict", fail)
        with pytest.raises(Overloaded):
            await score("rows.csv", CSV)
    assert [blob.name for blob in storage.output.list_blobs()] == []
    blob = storage.source.get_blob_client("rows.csv")
    assert json.loads(await handler.score(blob, storage.output))["status"] == "succeeded"


def test_a_blob_that_is_replaced_while_it_is_read_is_never_read_as_a_mixture(storage):
    blob = storage.source.upload_blob("rows.csv", b"1" * 40_000_000)
    stream = blob_streams.BlobReader(blob, blob.get_blob_properties().etag).stream
    assert stream.read(10) == b"1" * 10
    blob.upload_blob(b"2" * 40_000_000, overwrite=True)
    with pytest.raises(ResourceModifiedError):
        stream.read()


def test_a_blob_does_not_exist_before_it_is_committed(storage):
    storage.output.create_container()
    blob = storage.output.get_blob_client("late.csv")
    writer = block_writer.BlockWriter(blob)
    writer.write(b"x" * (block_writer.BLOCK_BYTES + 1))
    assert not blob.exists()
    writer.commit("text/csv")
    assert len(blob.download_blob().readall()) == block_writer.BLOCK_BYTES + 1
