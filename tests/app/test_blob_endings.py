"""A blob that kills each process that scores it ends in a failed document; fixed, it succeeds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from azure.core.exceptions import AzureError

from tests.running_app import ROOT
from tests.waiting import eventually

SCRIPT = """
import pathlib, time

HERE = pathlib.Path(__file__).parent

def init():
    pass

def run(text):
    with (HERE / "runs").open("a") as runs:
        runs.write("x")
    while (HERE / "hang").exists():
        time.sleep(0.05)
    return "scored"
"""

#: Seconds. A process looks for exhausted blobs ten seconds after its start, and the lease of a last
#: try lasts for thirty.
ENDED_S = 75


@pytest.fixture
def app(make_app, tmp_path):
    (tmp_path / "score.py").write_text(SCRIPT)
    (tmp_path / "runs").write_text("")
    return make_app(AZUREML_ENTRY_SCRIPT=str(tmp_path / "score.py"), SCORING_TIMEOUT_S="600")


def has_begun(folder: Path, tries: int) -> bool:
    return (folder / "runs").read_text() == "x" * tries


def report(app, name: str):
    try:
        found = app.output(f"{name}.report.json")
    except AzureError:
        return None
    return found and json.loads(found)


def requeue(app, *args: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "requeue", *args],
        cwd=ROOT,
        env={**app._settings(), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


@pytest.mark.long
@pytest.mark.timeout(300)
def test_after_ten_kills_there_is_a_document_and_once_fixed_and_requeued_it_succeeds(
    app, tmp_path: Path
):
    (tmp_path / "hang").touch()
    app.upload("kills.txt", b"text")
    for kill in range(10):
        if kill < 5:  # then no try is left
            eventually(partial(has_begun, tmp_path, kill + 1), 60)
        app.host.kill()
        app.start_host(answers="/api/health/live")
    failed = eventually(lambda: report(app, "kills.txt"), ENDED_S)
    assert (failed["status"], failed["error"]["code"]) == ("failed", "tries_exhausted")
    (document,) = app.inbox.of(failed["id"])
    assert document["error"] == failed["error"]
    reply = app.get(f"/api/results/{failed['id']}")
    assert (reply.status, reply.json()["error"]) == (200, failed["error"])
    assert (tmp_path / "runs").read_text() == "x" * 5

    assert "tries_exhausted  scoring-input/kills.txt" in requeue(app, "--all", "--dry-run")
    (tmp_path / "hang").unlink()
    assert requeue(app, "--reason", "tries_exhausted").endswith("1 sent\n")
    eventually(lambda: report(app, "kills.txt")["status"] == "succeeded", 30)
    assert app.output("kills.txt") == b'"scored"'
    (document,) = app.inbox.of(report(app, "kills.txt")["id"])
    assert document["status"] == "succeeded"
    assert requeue(app).endswith("0 listed\n")
