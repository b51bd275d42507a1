"""Where everything of the demo is, and the host as one of the servers that are kept running."""

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
        """The emulators of this run, unless the caller's own settings say otherwise."""
        ours = {
            "AzureWebJobsStorage": self.stack.storage_connection_string,
            "ScoringStorage": self.stack.storage_connection_string,
            "ServiceBusConnection": self.stack.servicebus_connection_string,
            "REDIS_URL": self.stack.redis_url,
            # As long as the queue of emulators/Config.json keeps one.
            "MESSAGE_TTL_S": "3600",
            # Whoever runs this is who wrote the script.
            "SHOW_SCRIPT_ERRORS": "true",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }
        return {name: os.environ.get(name, value) for name, value in ours.items()}

    def is_healthy(self) -> bool:
        """Whether the model has loaded or failed to, so that nobody waits for that."""
        return self._model_status().get("status") in {"ok", "failed"}

    def failure(self) -> str | None:
        """Why the model can't answer, where it can't."""
        told = self._model_status()
        return None if told.get("status") == "ok" else told.get("message", "it does not answer")

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
    """The folder that the host serves, by the same setting and default."""
    return ROOT / (os.environ.get("AZUREML_MODEL_DIR", "") or "models/digits")
