import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def triscore(tmp_path):
    """`triscore(*words, **settings)`: the command as a process, which has ended."""

    def run(*words, **settings):
        return subprocess.run(
            [sys.executable, "-m", "cli", *map(str, words)],
            cwd=ROOT,
            # Terminals are of any width; help has lines of its own where they are narrow.
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "COLUMNS": "160", **settings},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run
