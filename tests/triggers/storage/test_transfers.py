"""Parts of a blob that are read and written ahead: their order, their errors, their number."""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from azure.core.exceptions import AzureError, ServiceRequestError, ServiceResponseError

from tests.waiting import eventually
from triggers.storage import block_writer
from triggers.storage.blob_streams import BlobReader
from triggers.storage.block_writer import MAX_UNDER_WAY, BlockWriter
from triggers.storage.storage_threads import NICER, BlobThreads, _lower_priority

LONG_S = 10.0


class StagedBlob:
    """Of the SDK's BlobClient what BlockWriter uses."""

    def __init__(self):
        self.staged, self.committed = {}, None
        self.most = self._running = 0
        #: By content: what staging it does before it ends.
        self.before = {}
        self._lock = threading.Lock()

    def stage_block(self, name, content, *, validate_content):
        assert validate_content  # by MD5
        with self._lock:
            self._running += 1
            self.most = max(self.most, self._running)
        try:
            self.before.get(content, lambda: None)()
            self.staged[name] = content
        finally:
            with self._lock:
                self._running -= 1

    def commit_block_list(self, blocks, **_):
        self.committed = b"".join(self.staged[block.id] for block in blocks)
        return {"etag": "e"}


@pytest.fixture
def blob(monkeypatch):
    monkeypatch.setattr(block_writer, "BLOCK_BYTES", 1)
    return StagedBlob()


def test_blocks_keep_their_order_whichever_is_staged_first(blob):
    second = threading.Event()
    blob.before = {b"1": lambda: second.wait(LONG_S), b"2": second.set}
    writer = BlockWriter(blob)
    for number in range(1, 10):
        writer.write(b"%d" % number)
    writer.commit("text/csv")
    assert blob.committed == b"123456789"
    assert second.is_set()


def test_few_blocks_are_under_way_at_once(blob):
    writer = BlockWriter(blob)
    for number in range(50):
        writer.write(b"%d" % number)
    assert writer.staged() is not None
    assert len(blob.staged) == 50
    assert blob.most <= MAX_UNDER_WAY + 1


def test_a_checkpoint_names_blocks_that_are_staged(blob):
    may_end = threading.Event()
    blob.before = {b"1": lambda: may_end.wait(LONG_S)}
    writer = BlockWriter(blob)
    writer.write(b"1")
    threading.Timer(0.05, may_end.set).start()
    assert writer.staged() == list(blob.staged) != []


def test_a_block_that_fails_fails_the_blob(blob):
    def fail():
        raise ServiceRequestError("gone")

    blob.before = {b"1": fail}
    writer = BlockWriter(blob)
    writer.write(b"1")
    writer.write(b"2")
    for call in (writer.staged, lambda: writer.write(b"3"), lambda: writer.commit("")):
        with pytest.raises(ServiceRequestError):
            call()
    assert blob.committed is None


class ReadBlob:
    """Of the SDK's BlobClient, and of its download, what BlobReader uses."""

    def __init__(self, *parts, size):
        self._parts, self.reads = list(parts), 0
        self.properties = self
        self.size = size

    def download_blob(self, **_):
        return self

    def read(self, _):
        self.reads += 1
        part = self._parts.pop(0) if self._parts else b""
        if isinstance(part, Exception):
            raise part
        return part


def test_one_part_is_read_ahead():
    blob = ReadBlob(b"one", b"two", b"six", size=9)
    reader = BlobReader(blob)
    assert (blob.reads, reader.position()) == (0, 0)  # a blob may wait before it is scored
    assert reader.stream.read1(3) == b"one"
    assert eventually(lambda: blob.reads == 2, LONG_S)
    assert reader.position() == 3
    assert reader.stream.read() == b"twosix"
    assert reader.stream.read() == b""
    assert (blob.reads, reader.position()) == (3, 9)


@pytest.mark.parametrize("fault", [ServiceRequestError("gone"), b""], ids=["error", "end"])
def test_an_error_comes_after_the_bytes_before_it_and_stays(fault):
    reader = BlobReader(ReadBlob(b"one", fault, b"two", size=9))
    assert reader.stream.read1(100) == b"one"
    for _ in range(2):
        with pytest.raises(ServiceRequestError if fault else ServiceResponseError):
            reader.stream.read1(100)
    assert isinstance(reader.fault, AzureError)


@pytest.mark.skipif(sys.platform != "linux", reason="a priority of the whole process")
async def test_the_event_loop_goes_before_the_work_on_blobs():
    expected = min(os.getpriority(os.PRIO_PROCESS, 0) + NICER, 19)
    threads = BlobThreads()
    assert await threads.work(os.getpriority, os.PRIO_PROCESS, 0) == expected
    with ThreadPoolExecutor(1, initializer=_lower_priority) as pool:
        started = threads.work(pool.submit, os.getpriority, os.PRIO_PROCESS, 0)  # by such a thread
        assert (await started).result(LONG_S) == expected
