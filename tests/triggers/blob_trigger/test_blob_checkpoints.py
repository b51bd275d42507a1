"""An attempt goes on where an earlier one ended: same bytes, and no row is written twice."""

import gzip
import json
import random

import pytest
from azure.core.exceptions import ServiceResponseError
from azure.storage.blob import BlobBlock, BlobClient, ContentSettings

from inference.rows.formats import csv_lines
from tests.triggers.blob_trigger.blob_parts import parts, storage_of
from triggers.blob_trigger import blob_checkpoints
from triggers.storage import block_writer
from triggers.storage.block_writer import BlockWriter

ROWS = 1_500
PLAIN = b"".join(b"0.%d,0.%d,0.5\n" % (at, at % 7) for at in range(ROWS))
#: Quoted line ends in rows that fail, quoted numbers, blank lines.
MIXED = b"a,b,c\r\n" + b"".join(
    b'0.%d,%b,"0.5"\r\n%b'
    % (at, b'"no\r\n""number"""' if at % 50 == 7 else b"0.1", b"\r\n" * (at % 9 == 0))
    for at in range(ROWS)
)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Blocks of a few rows, and a checkpoint after each one that is staged."""
    monkeypatch.setattr(block_writer, "BLOCK_BYTES", 2_500)
    monkeypatch.setattr(csv_lines, "BLOCK_BYTES", 1_000)
    monkeypatch.setattr(blob_checkpoints, "EVERY_S", 0.0)


@pytest.fixture
def storage(azurite):
    with storage_of(azurite) as account:
        yield account


@pytest.fixture
def handler(scorer, results, storage):
    return parts(scorer, results, storage).handler


@pytest.fixture
def stage(monkeypatch):
    """`stage.left`: how many more blocks can be staged before storage fails."""

    class Stage:
        left = 10**6

    staged = BlockWriter._stage

    def stage(self):
        Stage.left -= 1
        if Stage.left < 0:
            raise ServiceResponseError("gone")
        staged(self)

    monkeypatch.setattr(BlockWriter, "_stage", stage)
    return Stage


@pytest.fixture
def score(handler, storage):
    async def run(name: str, body: bytes, *, encoding: str | None = None):
        """Upload, if it is not there, and score."""
        blob = storage.source.get_blob_client(name)
        if not blob.exists():
            blob.upload_blob(body, content_settings=ContentSettings(content_encoding=encoding))
        return json.loads(await handler.score(blob, storage.output))

    return run


def without_places(report):
    places = {"id", "output", "seconds", "rows_per_s", "etag", "output_etag", "input", "cache_hits"}
    return {name: value for name, value in report.items() if name not in places}


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(PLAIN, None), (MIXED, None), (gzip.compress(PLAIN), "gzip")],
    ids=["plain", "mixed", "gzip"],
)
@pytest.mark.parametrize("blocks", [1, 5])
async def test_the_next_attempt_goes_on(body, encoding, blocks, score, storage, stage, scorer):
    await score("whole.csv", body, encoding=encoding)
    expected, report = storage.written("whole.csv"), storage.report("whole.csv")
    before = scorer.counts.batch_rows.value
    stage.left = blocks
    with pytest.raises(ServiceResponseError):
        await score("rows.csv", body, encoding=encoding)
    written = scorer.counts.batch_rows.value - before
    stage.left = 1_000
    await score("rows.csv", body, encoding=encoding)
    assert storage.written("rows.csv") == expected
    assert without_places(storage.report("rows.csv")) == without_places(report)
    # The part that could not be staged is written twice.
    assert scorer.counts.batch_rows.value - before - ROWS < ROWS / 4 <= written + ROWS / 4
    assert storage.markers() == []


async def test_an_attempt_may_fail_many_times(score, storage, stage):
    await score("whole.csv", MIXED)
    for _ in range(3):
        stage.left = 2
        with pytest.raises(ServiceResponseError):
            await score("rows.csv", MIXED)
    stage.left = 1_000
    await score("rows.csv", MIXED)
    assert storage.written("rows.csv") == storage.written("whole.csv")


@pytest.fixture
def interrupted(score, storage, stage):
    """`rows.csv` failed after some blocks; `written` is what it must become."""

    async def run():
        await score("whole.csv", PLAIN)
        stage.left = 5
        with pytest.raises(ServiceResponseError):
            await score("rows.csv", PLAIN)
        stage.left = 1_000
        return storage.written("whole.csv")

    return run


async def test_another_model_or_setting_begins_again(
    interrupted, score, storage, monkeypatch, scorer
):
    expected, before = await interrupted(), scorer.counts.batch_rows.value
    monkeypatch.setattr(blob_checkpoints, "FORMAT", 2)
    await score("rows.csv", PLAIN)
    assert storage.written("rows.csv") == expected
    assert scorer.counts.batch_rows.value - before == ROWS


async def test_without_its_blocks_a_blob_begins_again(
    interrupted, score, storage, scorer, monkeypatch
):
    expected, before = await interrupted(), scorer.counts.batch_rows.value
    # Azure drops them when the blob is written. Azurite does not.
    monkeypatch.setattr(BlobClient, "get_block_list", lambda *_: ([], []))
    await score("rows.csv", PLAIN)
    assert storage.written("rows.csv") == expected
    assert scorer.counts.batch_rows.value - before == ROWS


async def test_blocks_that_go_while_a_blob_is_scored_are_staged_again(
    handler, score, storage, stage, monkeypatch
):
    commit = BlockWriter.commit

    def drop_and_commit(self, *args, **conditions):
        monkeypatch.setattr(BlockWriter, "commit", commit)
        self._blocks[0] = BlobBlock("0" * len(self._blocks[0].id))
        return commit(self, *args, **conditions)

    await score("whole.csv", PLAIN)
    monkeypatch.setattr(BlockWriter, "commit", drop_and_commit)
    with pytest.raises(ServiceResponseError, match="staged blocks are gone"):
        await score("rows.csv", PLAIN)
    await score("rows.csv", PLAIN)
    assert storage.written("rows.csv") == storage.written("whole.csv")


async def test_a_newer_version_begins_again(interrupted, score, storage):
    await interrupted()
    storage.source.upload_blob("rows.csv", MIXED, overwrite=True)
    await score("new.csv", MIXED)
    await score("rows.csv", MIXED)
    assert storage.written("rows.csv") == storage.written("new.csv")


async def test_a_compressed_output_begins_again(score, storage, stage):
    number = random.Random(1).random
    body = gzip.compress(b"".join(b"%r,%r,0.5\n" % (number(), number()) for _ in range(ROWS)))
    await score("whole.csv.gz", body)
    stage.left = 0
    with pytest.raises(ServiceResponseError):
        await score("rows.csv.gz", body)
    stage.left = 1_000
    await score("rows.csv.gz", body)
    assert storage.written("rows.csv.gz") == storage.written("whole.csv.gz")


async def test_most_blobs_are_scored_before_the_first_checkpoint(score, storage, monkeypatch):
    monkeypatch.setattr(blob_checkpoints, "EVERY_S", 60.0)
    monkeypatch.setattr(blob_checkpoints.Checkpoints, "delete", lambda _: None)
    await score("rows.csv", PLAIN)
    assert storage.markers() == []
