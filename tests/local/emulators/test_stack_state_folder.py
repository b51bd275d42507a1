"""The process that holds a folder's lock runs its emulators, and no other one does."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from local.emulators.errors import EmulatorError
from local.emulators.managed_server import PROJECT
from local.emulators.ports import Ports
from local.emulators.state_folder import Record, StateFolder

RECORD = Record(pid=4711, ports=Ports(redis=1), ready=True, children={"redis": 4712})

#: Takes the lock of a folder, writes a record, and waits to be killed.
HOLDER = """
import sys, time
from pathlib import Path
from local.emulators.ports import Ports
from local.emulators.state_folder import Record, StateFolder
folder = StateFolder(Path(sys.argv[1]))
folder.acquire()
folder.write(Record(pid=1, ports=Ports(), ready=True, children={}))
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path):
    folder = StateFolder(tmp_path / "state")
    yield folder
    folder.release()


def test_the_record_of_a_running_stack_is_read_as_it_was_written(folder):
    folder.acquire()
    folder.write(RECORD)
    assert StateFolder(folder.root).running() == RECORD


def test_a_folder_that_was_never_used_has_no_stack_and_stays_unmade(folder):
    assert folder.running() is None
    assert not folder.root.exists()


def test_a_second_stack_in_the_same_folder_is_refused(folder):
    folder.acquire()
    with pytest.raises(EmulatorError, match="running already"):
        StateFolder(folder.root).acquire()


def test_reading_the_record_does_not_take_the_lock(folder):
    folder.acquire()
    folder.release()
    assert StateFolder(folder.root).running() is None
    assert folder.acquire() is False


def test_a_released_folder_has_no_stack_and_can_be_taken_again(folder):
    folder.acquire()
    folder.write(RECORD)
    folder.release()
    assert folder.running() is None
    folder.acquire()


def test_the_record_of_a_killed_stack_is_ignored(folder):
    """Its pid may belong to any program by now."""
    folder.root.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder.root)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    ) as holder:
        try:
            assert holder.stdout is not None
            holder.stdout.readline()
            assert folder.running() is not None
        finally:
            holder.kill()
    assert (folder.root / "emulators.json").exists()
    assert folder.running() is None
    assert folder.acquire() is True


def test_a_stack_that_has_not_written_yet_is_not_reported(folder):
    folder.acquire()
    assert StateFolder(folder.root).running() is None
