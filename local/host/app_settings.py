"""App settings: the environment over local.settings.json. All end up in os.environ, as in Azure."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from pathlib import Path

from local.host import json_with_comments
from local.host.errors import HostError

FILE = "local.settings.json"


def apply(app_dir: Path, env: MutableMapping[str, str]) -> None:
    """Add the file's values that the environment lacks. Raises HostError."""
    for name, value in read(app_dir / FILE).items():
        env.setdefault(name, value)
    env.setdefault("FUNCTIONS_WORKER_RUNTIME", "python")
    env.setdefault("CONSOLE", "true")  # off in Azure, unless it is set there


def read(path: Path) -> Mapping[str, str]:
    """The values of a local.settings.json; empty if there is no such file. Raises HostError."""
    try:
        return json_with_comments.parse_settings(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise HostError(f"{path}: {error}") from error
