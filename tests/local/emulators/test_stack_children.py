"""Child processes end with their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from local.emulators.child import Child
from local.emulators.managed_server import PROJECT

#: Says so when it gets a SIGTERM, and does not end.
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, lambda *_: print("no", flush=True))
print("ready", flush=True)
while True: time.sleep(60)
"""

#: Starts a child from a thread that ends at once, names it, and waits to be killed.
PARENT = """
import sys, threading, time
from pathlib import Path
from local.emulators.child import Child

def start():
    print(Child(["sleep", "600"], log=Path(sys.argv[1])).pid, flush=True)

thread = threading.Thread(target=start)
thread.start()
thread.join()
time.sleep(600)
"""


@pytest.fixture
def start(tmp_path):
    """`start(*command)` starts a child and stops it when the test ends."""
    started = []

    def start_one(*command: str) -> Child:
        child = Child(command, log=tmp_path / "child.log")
        started.append(child)
        return child

    yield start_one
    for child in started:
        child.kill()


def is_alive(pid: int) -> bool:
    """Whether the process runs. A zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_a_child_runs_its_command_and_has_its_exit_code(start):
    child = start("sh", "-c", "exit 7")
    assert child.wait(10) == 7
    assert child.exit_code == 7
    assert repr(child) == f"<Child sh pid {child.pid} ended 7>"


def test_a_childs_output_is_in_its_log(start):
    child = start("sh", "-c", "echo first; echo last >&2; echo")
    child.wait(10)
    assert child.log.read_text() == "first\nlast\n\n"
    assert child.last_line() == "last"


def test_stopping_a_child_lets_it_end_by_itself(start, eventually):
    child = start("sh", "-c", 'trap "exit 5" TERM; echo ready; while :; do sleep 0.05; done')
    eventually(lambda: "ready" in child.log.read_text())
    assert child.stop() == 5


def test_a_child_that_ignores_sigterm_is_killed(start, eventually):
    child = start(sys.executable, "-c", STUBBORN)
    eventually(lambda: "ready" in child.log.read_text())
    assert child.stop(grace_s=0.2) == -signal.SIGKILL
    assert child.last_line() == "no"


def test_stopping_an_ended_child_returns_its_exit_code(start):
    child = start("sh", "-c", "exit 7")
    child.wait(10)
    assert child.stop() == 7


def test_waiting_for_a_running_child_ends_at_the_timeout(start):
    with pytest.raises(TimeoutError, match=r"still runs after 0\.05 s"):
        start("sleep", "600").wait(0.05)


def test_a_ctrl_c_at_the_terminal_does_not_reach_the_child(start):
    """The terminal signals the foreground process group; the child is in another one."""
    child = start("sleep", "600")
    assert os.getpgid(child.pid) == child.pid != os.getpgid(0)


def test_a_child_outlives_the_thread_that_started_it(start):
    """The kernel's death signal follows the thread that forked, not the process."""
    started = []
    thread = threading.Thread(target=lambda: started.append(start("sleep", "600")))
    thread.start()
    thread.join()
    with pytest.raises(TimeoutError):
        started[0].wait(0.2)


def test_the_children_of_a_killed_parent_end(tmp_path, eventually):
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "child.log")],
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
    ) as parent:
        try:
            assert parent.stdout is not None
            pid = int(parent.stdout.readline())
            assert is_alive(pid)
        finally:
            parent.kill()
    eventually(lambda: not is_alive(pid))


def test_a_command_whose_parent_has_died_already_does_not_run(tmp_path):
    """The pid that it gets is not its parent's."""
    script = PROJECT / "local" / "emulators" / "die_with_parent.py"
    trace = tmp_path / "trace"
    subprocess.run(
        [sys.executable, "-I", "-S", str(script), "1", "touch", str(trace)], check=True, timeout=30
    )
    assert not trace.exists()
