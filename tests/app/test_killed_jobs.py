"""kill -9 in the middle of a job: the next worker begins again, and writes the same bytes."""

import json
import random
import time

import numpy as np
import pytest
from azure.core.exceptions import AzureError

from tests.waiting import eventually

pytestmark = pytest.mark.long

ROWS = 60_000
KILLS = 6
#: The lease of the killed host's listener expires first.
FOUND_AGAIN_S = 120


@pytest.mark.timeout(900)
def test_a_job_that_is_killed_at_any_moment_writes_the_same_bytes(make_app):
    app = make_app(MAX_BODY_BYTES="100000000")
    seed = random.randrange(10**6)
    moments = random.Random(seed)
    rows = np.random.default_rng(seed).random((ROWS, 3)).round(4)
    body = b"".join(b"%.4f,%.4f,%.4f\n" % tuple(row) for row in rows.tolist())

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
    assert (report["rows"], report["failed"]) == (ROWS, 0)
    began = 0
    for number in range(KILLS):
        name = f"killed-{number}.csv"
        app.upload(name, body)
        began += _wait_for_begin(app, name)
        time.sleep(moments.uniform(0, report["seconds"]))
        app.host.kill()
        app.start_host()
        found, output = written(name)
        assert output == expected, f"seed {seed}, kill {number}"
        assert (found["status"], found["rows"]) == ("succeeded", ROWS)
    assert began, "no job was seen while it ran"


def _wait_for_begin(app, name: str) -> bool:
    """Until the blob's first attempt is counted, or it is scored already."""

    def begun():
        return bool(list(app._container("triscore-tries").list_blob_names())) or app.output(name)

    return eventually(begun, 60) is True
