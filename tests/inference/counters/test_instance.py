"""The counters of all workers of an instance: nothing is lost, and no sum goes back."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from inference.counters import gauges, instance, instance_folder
from inference.counters.counts import Counts
from inference.counters.instance import SingleWorker, WorkersInFolder
from inference.counters.slots import Slots
from inference.errors import Overloaded

ROOT = Path(__file__).resolve().parents[3]
#: Joins the folder, counts as many rows as each line of its input says, and answers each line.
WORKER = """
import sys
from pathlib import Path
from inference.counters.counts import Counts
from inference.counters.instance import WorkersInFolder
from inference.counters.slots import Slots
joined = WorkersInFolder(Path(sys.argv[1]))
counts = Counts(Slots(joined.memory.counters))
joined.memory.write_gauges({"pending_answers": 2.0, "model_ready": 0.0})
for line in sys.stdin:
    counts.batch_rows.add(int(line))
    print("counted", flush=True)
"""


class Worker:
    """A worker in a process of its own."""

    def __init__(self, folder):
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, folder],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def count(self, rows):
        self.process.stdin.write(f"{rows}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "counted\n"

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def start(tmp_path):
    workers = []

    def make():
        workers.append(Worker(tmp_path))
        return workers[-1]

    yield make
    for worker in workers:
        worker.kill()


def rows(reading):
    return Counts(Slots(reading.counters)).batch_rows.value


def test_a_single_worker_reads_itself():
    alone = SingleWorker()
    Counts(Slots(alone.memory.counters)).batch_rows.add(3)
    alone.memory.write_gauges({"pending_answers": 4.0})
    reading = alone.read()
    assert rows(reading) == 3
    assert reading.gauges == {"pending_answers": 4.0}
    assert (reading.pids, reading.exits) == ([os.getpid()], 0)


def test_sums_hold_whatever_worker_reads_and_whichever_is_killed(tmp_path, start):
    joined = WorkersInFolder(tmp_path)
    mine = Counts(Slots(joined.memory.counters))
    joined.memory.write_gauges({"pending_answers": 1.0, "model_ready": 1.0})
    workers = [start() for _ in range(2)]
    for worker in workers:
        worker.count(10)
    mine.batch_rows.add(1)
    reading = joined.read()
    assert rows(reading) == 21
    assert reading.gauges == {"pending_answers": 5.0, "model_ready": 0.0}
    assert set(reading.pids) == {os.getpid(), *(worker.process.pid for worker in workers)}

    workers[0].count(100)
    workers[0].kill()
    for exits in (1, 1):  # it is added once
        reading = joined.read()
        assert rows(reading) == 121
        assert reading.exits == exits
        assert reading.gauges["pending_answers"] == 3.0
    start().count(1000)
    assert rows(joined.read()) == 1121


def test_a_reader_that_was_killed_between_two_steps_counts_nothing_twice(
    tmp_path, start, monkeypatch
):
    joined = WorkersInFolder(tmp_path)
    worker = start()
    worker.count(10)
    worker.kill()
    with monkeypatch.context() as killed:
        killed.setattr(Path, "unlink", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            joined.read()
    assert rows(joined.read()) == 10
    assert joined.read().exits == 1


def test_readers_at_the_same_time_see_the_same(tmp_path, start):
    joined = WorkersInFolder(tmp_path)
    for _ in range(3):
        worker = start()
        worker.count(5)
        worker.kill()
    found = []
    readers = [threading.Thread(target=lambda: found.append(rows(joined.read()))) for _ in range(8)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert found == [15] * 8


def test_a_reader_does_not_wait_for_ever_for_another(tmp_path, monkeypatch):
    monkeypatch.setattr(instance, "LOCK_S", 0.02)
    joined = WorkersInFolder(tmp_path)
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Overloaded, match="try again later"):
            joined.read()
    assert rows(joined.read()) == 0


def test_a_gauge_that_a_worker_does_not_have_is_not_merged():
    worker = {"near_cache_bytes": 5.0, "lookups near one": 0.5}
    memory = SingleWorker().memory
    memory.write_gauges(worker)
    one = memory.read().gauges
    memory.write_gauges({"lookups near one": 1.0})
    assert gauges.merge([one, memory.read().gauges]) == {
        "near_cache_bytes": 5.0,
        "lookups near one": 0.75,
    }


def test_a_tool_that_only_inspects_the_app_joins_no_instance():
    assert isinstance(instance_folder.join(ROOT), SingleWorker)


async def test_a_worker_without_a_folder_still_counts(monkeypatch, caplog):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(instance_folder, "make_folder", refuse)
    assert isinstance(instance_folder.join(ROOT), SingleWorker)
    assert "a scrape tells of one worker" in caplog.text


def test_workers_of_one_host_and_one_app_share_a_folder(tmp_path):
    ours = instance_folder.make_folder(tmp_path / "app", tmp_path)
    assert instance_folder.make_folder(tmp_path / "app", tmp_path) == ours
    assert instance_folder.make_folder(tmp_path / "another", tmp_path) != ours
    assert ours.stat().st_mode & 0o777 == 0o700


def test_folders_of_hosts_that_are_gone_are_removed(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait(10)
    prefix = f"triscore-{os.getuid()}"
    gone, used = tmp_path / f"{prefix}-{ended.pid}-a", tmp_path / f"{prefix}-{ended.pid}-b"
    others = [tmp_path / f"{prefix}-{os.getppid()}-c", tmp_path / f"{prefix}-x", tmp_path / "else"]
    for folder in (gone, used, *others):
        folder.mkdir()
    worker = WorkersInFolder(used)
    ours = instance_folder.make_folder(tmp_path, tmp_path)
    assert set(tmp_path.iterdir()) == {used, ours, *others}
    assert worker.read().pids == [os.getpid()]


def test_a_folder_of_another_user_is_not_used(tmp_path, monkeypatch):
    ours = instance_folder.make_folder(tmp_path, tmp_path)
    ours.rmdir()
    (tmp_path / "elsewhere").mkdir()
    ours.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermissionError):
        instance_folder.make_folder(tmp_path, tmp_path)
