import os
from pathlib import Path

import pytest

from tests.run_python import run_python

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def triscore(tmp_path):
    """`triscore(*words, **settings)`: the command as a process, which has ended."""

    def run(*words, **settings):
        # Terminals are of any width; help has lines of its own where they are narrow.
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "COLUMNS": "160", **settings}
        return run_python("-m", "cli", *words, env=env)

    return run
