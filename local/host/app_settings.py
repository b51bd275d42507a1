"""App settings: the environment over local.settings.json. All end up in os.environ, as in Azure."""

from __future__ import annotations

import json
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from local.host.errors import HostError

FILE = "local.settings.json"


def apply(app_dir: Path, env: MutableMapping[str, str]) -> None:
    """Add the file's values that the environment lacks. Raises HostError."""
    for name, value in read(app_dir / FILE).items():
        env.setdefault(name, value)
    env.setdefault("FUNCTIONS_WORKER_RUNTIME", "python")


def read(path: Path) -> Mapping[str, str]:
    """The values of a local.settings.json; empty if there is no such file. Raises HostError."""
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise HostError(f"{path} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise HostError(f"{path}: expected a JSON object")
    if document.get("IsEncrypted"):
        raise HostError(f"{path} is encrypted; decrypt it with `func settings decrypt`")
    values = document.get("Values") or {}
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise HostError(f"{path}: Values must be an object of strings")
    return values
