"""Whatever bytes come, the readers read them or refuse them: in time, in memory, and alive."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.readers import READERS

ROOT = Path(__file__).resolve().parents[2]


def fuzz(folder: Path, *names: str, seed: int, count: int, timeout_s: float) -> None:
    file = folder / "being-read"
    file.touch()
    # A process of its own: pyarrow has ended some before.
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", str(file), str(seed), str(count), *names],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )
    assert done.returncode == 0, (done.stdout, done.stderr[-500:], file.read_bytes().hex())
    for came in map(json.loads, done.stdout.splitlines()):
        assert came["faults"] == {}, came
        # Damage that is always refused, or never, would try nothing.
        assert came["refused"] > count / 4, came
        assert came["read"] > count / 1000, came


def test_damaged_bytes_are_read_or_refused(tmp_path):
    fuzz(tmp_path, seed=1, count=2_000, timeout_s=110)


@pytest.mark.long
@pytest.mark.parametrize("name", READERS)
def test_much_damage_is_read_or_refused(name, tmp_path):
    fuzz(tmp_path, name, seed=2, count=50_000, timeout_s=600)
