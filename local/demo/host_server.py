"""The host as a server that a supervisor runs, with the settings of the demo."""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.emulators.ports import HOST
from local.emulators.stack import Stack

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".triscore"


@dataclass(frozen=True, slots=True)
class HostServer:
    """The host on this folder, in the shape that local.emulators.supervisor runs."""

    stack: Stack
    port: int = 7071
    name: str = "host"
    data: Path = field(default=STATE / "data" / "host")

    @property
    def ports(self) -> tuple[int, ...]:
        return (self.port,)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def command(self) -> list[str]:
        return [
            *(sys.executable, "-m", "local.host", "--app", str(ROOT)),
            *("--port", str(self.port), "--parent", str(os.getpid())),
        ]

    def environment(self) -> Mapping[str, str]:
        """The stack's connections. Settings of the caller's environment take precedence."""
        defaults = {
            "AzureWebJobsStorage": self.stack.storage_connection_string,
            "ScoringStorage": self.stack.storage_connection_string,
            "ServiceBusConnection": self.stack.servicebus_connection_string,
            "REDIS_URL": self.stack.redis_url,
            # The time to live of emulators/Config.json's queues.
            "MESSAGE_TTL_S": "3600",
            # The user of the demo is the author of the script.
            "SHOW_SCRIPT_ERRORS": "true",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }
        return {name: os.environ.get(name, value) for name, value in defaults.items()}

    def is_healthy(self) -> bool:
        """Whether the model has loaded or failed to load; `failure` tells which."""
        return self._model_status().get("status") in {"ok", "failed"}

    def failure(self) -> str | None:
        """Why the model cannot answer; None if it can."""
        status = self._model_status()
        return None if status.get("status") == "ok" else status.get("message", "it does not answer")

    def _model_status(self) -> dict[str, str]:
        try:
            with urllib.request.urlopen(f"{self.url}/api/health/ready", timeout=1) as response:
                body = response.read()
        except urllib.error.HTTPError as error:
            with error:
                body = error.read()
        except OSError:
            return {}
        try:
            status: dict[str, str] = json.loads(body)["dependencies"]["model"]
        except (ValueError, KeyError):
            return {}
        return status


def model_dir() -> Path:
    """The model folder that the host serves: the same setting and default."""
    return ROOT / (os.environ.get("AZUREML_MODEL_DIR", "") or "models/digits")
