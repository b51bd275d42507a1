"""Where the project's own files are: in a clone, or where `pip install .` put copies of them."""

from __future__ import annotations

import sysconfig
from pathlib import Path

_CLONE = Path(__file__).resolve().parent.parent
#: As [tool.setuptools.data-files] in pyproject.toml says.
_INSTALLED = Path(sysconfig.get_path("data"), "share", "triscore")


def find(name: str) -> Path:
    """A file or a folder at the top of the project; packages lie beside this one in both cases."""
    place = _CLONE / name
    return place if place.exists() else _INSTALLED / name
