"""Where the project's own files are: in a clone, or where `pip install .` put copies of them."""

from __future__ import annotations

import sysconfig
from pathlib import Path

#: What of this project runs in Azure, beside requirements.txt.
APP = ("function_app.py", "host.json", "triggers", "inference", "cache")
#: What a package gets for an image.
IMAGE = Path(__file__).with_name("image")

_CLONE = Path(__file__).resolve().parent.parent
#: As [tool.setuptools.data-files] in pyproject.toml says: files that belong to no package.
_INSTALLED = Path(sysconfig.get_path("data"), "share", "triscore")


def find(name: str) -> Path:
    """A file or a folder at the top of the project.

    The packages lie beside this one in both cases.
    """
    in_clone = _CLONE / name
    if in_clone.exists():
        return in_clone
    return _INSTALLED / name
