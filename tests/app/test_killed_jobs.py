"""kill -9 in the middle of a job: the next worker goes on, and writes the same bytes."""

import json
import os
import random
import re
import signal
import time

import numpy as np
import pytest
from azure.core.exceptions import AzureError

from tests.faults import stack
from tests.running_app import ROOT
from tests.waiting import eventually

pytestmark = pytest.mark.long

#: More than is scored before the first checkpoint.
SIZE = 300_000_000
#: `TRISCORE_KILLS=20` for more.
KILLS = int(os.environ.get("TRISCORE_KILLS", "3"))
#: Seconds until the next worker has scored it.
FOUND_AGAIN_S = 240


@pytest.mark.timeout(1_800)
def test_a_job_that_is_killed_at_any_moment_writes_the_same_bytes(make_app):
    app = make_app(AZUREML_MODEL_DIR=str(ROOT / "models" / "digits"), TRIGGERS="http,blob")
    seed = random.randrange(10**6)
    moments = random.Random(seed)
    body, rows = _rows(seed)

    def written(name: str):
        def there():
            try:
                return app.output(f"{name}.report.json")
            except AzureError:
                return None

        report = json.loads(eventually(there, FOUND_AGAIN_S))
        return report, app.output(name)

    app.upload("whole.csv", body)
    report, expected = written("whole.csv")
    assert (report["rows"], report["failed"]) == (rows, 0)
    began = resumed = again = 0
    for number in range(KILLS):
        name = f"killed-{number}.csv"
        app.upload(name, body)
        began += _wait_for_begin(app, name)
        time.sleep(moments.uniform(0, report["seconds"]))
        for worker in stack.children(app.host.process.pid):
            os.kill(worker, signal.SIGKILL)
        found, output = written(name)
        assert output == expected, f"seed {seed}, kill {number}"
        assert (found["status"], found["rows"], found["failed"]) == ("succeeded", rows, 0)
        share = _rows_written(app) / rows
        resumed += 0 < share < 1
        again += min(share, 1.0)
        print(f"kill {number}: {share:.0%} of the rows were written after it", flush=True)
        _delete(app, name)
    print(
        f"{KILLS} kills of a job of {report['seconds']:.1f} s, seed {seed}: {began} while it ran,"
        f" {resumed} went on, {again / KILLS:.0%} of the rows were written after the kill"
    )
    assert began, "no job was seen while it ran"


def _rows(seed: int) -> tuple[bytes, int]:
    """A CSV of SIZE bytes, and its number of rows."""
    part = np.random.default_rng(seed).integers(0, 17, (10_000, 64))
    text = b"\n".join(b",".join(b"%d" % cell for cell in row) for row in part.tolist()) + b"\n"
    times = SIZE // len(text)
    return text * times, len(part) * times


def _wait_for_begin(app, name: str) -> bool:
    """Until the blob's first attempt is counted, or it is scored already."""

    def begun():
        return bool(list(app._container("triscore-tries").list_blob_names())) or app.output(name)

    return eventually(begun, 60) is True


def _rows_written(app) -> int:
    """By this process of the host."""
    found = re.search(r"^triscore_batch_rows_total(?:{.*})? (\S+)", _metrics(app), re.MULTILINE)
    return int(float(found[1])) if found else 0


def _metrics(app) -> str:
    def found():
        try:
            return app.get("/api/metrics").body.decode()
        except OSError:
            return None  # the next worker does not listen yet

    return str(eventually(found, FOUND_AGAIN_S))


def _delete(app, name: str) -> None:
    for container in ("scoring-input", "scoring-output"):
        app._container(container).delete_blob(name)
