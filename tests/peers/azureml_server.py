"""Azure ML's own server with one entry script, in the environment that the set-up made for it."""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path
from typing import Self

import pytest

from demo.install import PEER
from emulators.child import Child
from emulators.ports import HOST
from tests.servers import READY_S, free_port
from tests.waiting import eventually

PROGRAM = PEER / "bin/azmlinfsrv"
PACKAGES = PEER / "lib/python3.13/site-packages"


def require() -> None:
    """Left out on a machine without it; where tests must not be left out silently, a failure."""
    if not PROGRAM.exists():
        missing = f"no {PROGRAM}: `make setup-test` brings it"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)


class AzureMLServer:
    """One worker process, as it comes but for the scoring timeout. Ends with its block."""

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
        """Waits: whether it answers in the end. A script that it can't load ends it."""
        return bool(eventually(self._outcome, READY_S) == "healthy")

    def _outcome(self) -> str | None:
        if self._process.exit_code is not None:
            return "ended"
        try:
            with urllib.request.urlopen(self.url, timeout=READY_S):
                return "healthy"
        except OSError:
            return None
