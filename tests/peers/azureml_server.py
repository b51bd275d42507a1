"""Azure ML's own server with one entry script, in its own Python environment."""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path
from typing import Self

import pytest

from local.demo.install import PEER
from local.emulators.child import Child
from local.emulators.ports import HOST
from tests.servers import READY_S, free_port
from tests.waiting import eventually

PROGRAM = PEER / "bin/azmlinfsrv"
PACKAGES = PEER / "lib/python3.13/site-packages"
#: gunicorn's exit code when a worker did not boot, here because the script raised.
NOT_BOOTED = 3


def require() -> None:
    """Skip on a machine without it; with CI set, fail."""
    if not PROGRAM.exists():
        missing = f"no {PROGRAM}: `make setup-test` brings it"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)


class AzureMLServer:
    """One worker process with default settings but the scoring timeout. Ends with its block."""

    def __init__(self, script: Path, *, timeout_s: float) -> None:
        port = free_port()
        self.url = f"http://{HOST}:{port}"
        self._log = script.with_name("azureml.log")
        self._process = Child(
            [str(PROGRAM), "--entry_script", str(script), "--port", str(port)],
            log=self._log,
            env={
                "PATH": os.environ["PATH"],
                "AZUREML_MODEL_DIR": str(script.parent),
                "SCORING_TIMEOUT_MS": str(int(timeout_s * 1000)),
            },
            cwd=script.parent,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop()

    def starts(self) -> bool:
        """Wait for it. False if the script keeps it from starting."""
        eventually(lambda: self._process.exit_code is not None or self._answers(), READY_S)
        code = self._process.exit_code
        assert code in (None, NOT_BOOTED), self._log.read_text()
        return code is None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url, timeout=READY_S):
                return True
        except OSError:
            return False
