"""Python modules beside a model: importable when it is loaded, and part of its cache key."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from inference.models import mlflow_folder, user_modules

#: Folders that hold other projects' modules.
_FOREIGN = frozenset({"node_modules", "site-packages"})


def make_importable(file: Path) -> None:
    """Let a model import modules from its file's folder, and from what MLflow logged with it.

    These folders come last on the path: no module in them shadows one of a package.
    """
    for folder in reversed(_folders(file)):
        user_modules.add(folder)


def digest_beside(file: Path) -> bytes:
    """Digest of the modules beside a model file; empty if there are none."""
    found = sorted(modules_in(file.parent))
    return digest(found, file.parent) if found else b""


def digest(files: Iterable[Path], folder: Path) -> bytes:
    """Digest of files' names, as seen from a folder, and contents."""
    whole = hashlib.sha256()
    for file in filter(Path.is_file, files):
        whole.update(hashlib.sha256(os.path.relpath(file, folder).encode()).digest())
        whole.update(hashlib.sha256(file.read_bytes()).digest())
    return whole.digest()


def _folders(file: Path) -> list[Path]:
    folder = file.parent.resolve()
    logged = folder / mlflow_folder.CODE
    return [folder, logged] if mlflow_folder.is_model(folder) and logged.is_dir() else [folder]


def modules_in(folder: Path) -> Iterator[Path]:
    """Every file of Python code in a folder and below, except other projects' code."""
    return (file for file in files_in(folder) if file.suffix == ".py")


def files_in(folder: Path) -> Iterator[Path]:
    """Every file in a folder and below, except hidden folders, byte code and other projects."""
    for place, below, names in os.walk(folder):
        below[:] = [name for name in below if not _is_skipped(Path(place, name))]
        yield from (Path(place, name) for name in names)


def _is_skipped(folder: Path) -> bool:
    name = folder.name
    return (
        name.startswith((".", "__pycache__"))
        or name in _FOREIGN
        or (folder / "pyvenv.cfg").exists()
    )
