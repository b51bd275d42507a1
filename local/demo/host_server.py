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
from typing import Any

from local.demo import settings
from local.emulators.ports import HOST
from local.emulators.stack import Stack

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".triscore"


@dataclass(frozen=True, slots=True)
class HostServer:
    """The host on this folder, in the shape that local.emulators.supervisor runs."""

    stack: Stack
    port: int = 7071
    #: Of the routes, without slashes.
    prefix: str = "api"
    #: Whether the app has the routes of the HTTP trigger.
    has_http: bool = True
    name: str = "host"
    data: Path = field(default=STATE / "data" / "host")

    @property
    def ports(self) -> tuple[int, ...]:
        return (self.port,)

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def url(self) -> str:
        """With the prefix of the routes."""
        return f"{self.address}/{self.prefix}".rstrip("/")

    @property
    def link(self) -> str:
        """The same, for people: on Windows a browser finds WSL by this name."""
        return self.url.replace(HOST, "localhost")

    def command(self) -> list[str]:
        return [
            *(sys.executable, "-m", "local.host", "--app", str(ROOT)),
            *("--port", str(self.port), "--parent", str(os.getpid())),
        ]

    def environment(self) -> Mapping[str, str]:
        return settings.environment(ROOT, self.stack, os.environ)

    def is_healthy(self) -> bool:
        """Whether the model has loaded or failed to load; `failure` tells which."""
        if not self.has_http:
            return self._get(f"{self.address}/admin/host/ping") is not None
        return self._model_status().get("status") in {"ok", "failed"}

    def failure(self) -> str | None:
        """Why the model cannot answer; None if it can, or if no route tells."""
        if not self.has_http:
            return None
        status = self._model_status()
        return None if status.get("status") == "ok" else status.get("message", "it does not answer")

    def openapi(self) -> Mapping[str, Any] | None:
        """The app's description; None if it has none."""
        document = self._get(f"{self.url}/openapi.json")
        return json.loads(document) if document else None

    def _model_status(self) -> dict[str, str]:
        try:
            status: dict[str, str] = json.loads(self._get(f"{self.url}/health/ready") or "")[
                "dependencies"
            ]["model"]
        except (ValueError, KeyError):
            return {}
        return status

    @staticmethod
    def _get(url: str) -> bytes | None:
        """The body of an answer of any status; None without an answer."""
        try:
            with urllib.request.urlopen(url, timeout=1) as response:
                body: bytes = response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.read()
        except OSError:
            return None
        return body
