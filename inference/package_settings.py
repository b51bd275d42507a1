"""`settings.json` beside function_app.py: the settings of a package.

    {"AZUREML_MODEL_DIR": "models/churn", "INPUT_BLOB_PATH": "arrivals/{name}", "TRIGGERS": "blob"}

`triscore package` writes it. Environment variables override it, so an app setting in Azure still
changes what a package does. It never holds a connection string or a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import orjson

from inference.errors import SettingError

NAME = "settings.json"


def with_defaults(env: Mapping[str, str], *, root: Path) -> Mapping[str, str]:
    """The environment, with the package's settings as defaults. Raises SettingError."""
    return _read(root / NAME) | {name: value for name, value in env.items() if value}


def _read(file: Path) -> dict[str, str]:
    try:
        settings = orjson.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError:
        settings = None
    if not isinstance(settings, dict) or not all(isinstance(v, str) for v in settings.values()):
        raise SettingError(name=NAME, value=str(file), expected="a JSON object of strings")
    return settings
