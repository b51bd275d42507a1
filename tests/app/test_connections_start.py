"""A connection string that can't work stops the start: one sentence, without the value."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUS = (
    "Endpoint=sb://orders.servicebus.windows.net/;SharedAccessKeyName=app;"
    "SharedAccessKey=c2VjcmV0LXNlY3JldA=="
)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("ServiceBusConnection", f"{BUS};EntityPath=scoring-requests", "this is one queue's"),
        ("ServiceBusConnection", f"{BUS}\n", "take away the spaces, line ends or quotes"),
        ("ScoringStorage", "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", "this is an account key alone"),
    ],
)
def test_a_connection_that_can_not_work_stops_the_start_of_the_local_host(name, value, sentence):
    ran = subprocess.run(
        [sys.executable, "-m", "local.host", "--app", str(ROOT), "--port", "0"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], name: value},
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    (line,) = ran.stderr.splitlines()
    assert f"{name}='(not shown)': expected" in line
    assert sentence in line
    assert "c2VjcmV0" not in line
