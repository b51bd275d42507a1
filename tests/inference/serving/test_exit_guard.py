"""The interpreter exits after guarded work, and begins none while it exits."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
DAEMON = """
import threading, time
from inference.errors import ModelUnavailable
from inference.serving import exit_guard

def work():
    with exit_guard.guard():
        begun.set()
        time.sleep(0.3)
        print("done", flush=True)
    try:
        with exit_guard.guard():
            print("begun again", flush=True)
    except ModelUnavailable as error:
        print(error, flush=True)

begun = threading.Event()
threading.Thread(target=work, daemon=True).start()
begun.wait()
"""


def test_the_exit_waits_for_guarded_work_of_a_daemon_thread():
    command = [sys.executable, "-c", DAEMON]
    output = subprocess.check_output(command, cwd=ROOT, text=True, timeout=60)
    assert output.startswith("done\n")
    assert "begun again" not in output
