"""Every invocation has a GUID of its own."""

import subprocess
import sys
import uuid
from pathlib import Path

from local.host.app.runtime import new_id


def test_ids_are_guids_in_their_usual_form_and_all_different():
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert all(str(uuid.UUID(each)) == each and uuid.UUID(each).version == 4 for each in ids)


def test_two_processes_share_no_id():
    command = [sys.executable, "-c", "from local.host.app.runtime import new_id; print(new_id())"]
    root = Path(__file__).parents[3]
    first, second = (
        subprocess.run(command, capture_output=True, text=True, check=True, cwd=root).stdout
        for _ in range(2)
    )
    assert first[:23] != second[:23]
