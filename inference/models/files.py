"""The file in a model's folder, and its digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from inference.errors import ModelUnavailable
from inference.models import manifests
from inference.models.manifests import Manifest

SUFFIXES = (".joblib", ".pkl", ".pickle", ".skops", ".onnx")


@dataclass(frozen=True, slots=True)
class ModelId:
    """Which model answers: its folder's name, and the beginning of its digest."""

    name: str
    version: str

    def as_dict(self) -> dict[str, str]:
        return {"name": self.name, "version": self.version}


def find_file(folder: Path, manifest: Manifest | None = None) -> Path:
    """The model file that the manifest names, or the only one. Raises ModelUnavailable."""
    if manifest is not None:
        if not (folder / manifest.file).is_file():
            raise ModelUnavailable(
                f"{folder.name}/{manifests.NAME} describes {manifest.file}, which is not there: put"
                f" it there, or describe what is with `python -m deploy manifest {folder}`"
            )
        return folder / manifest.file
    files = sorted(
        file
        for file in folder.iterdir()
        if file.suffix in SUFFIXES and file.name != manifests.ACCELERATED
    )
    if len(files) != 1:
        found = ", ".join(file.name for file in files) or "none"
        raise ModelUnavailable(
            f"expected one model file ({', '.join('*' + s for s in SUFFIXES)}) in {folder.name}/,"
            f" found {found}; train or copy the model there"
        )
    return files[0]


def verify_digest(file: Path, manifest: Manifest | None, *, allow_unpinned: bool) -> bytes:
    """The file's digest, where it may be loaded. Raises ModelUnavailable before a byte is."""
    found = digest(file)
    if manifest is not None:
        manifest.require_digest(found)
    elif not allow_unpinned:
        raise ModelUnavailable(
            f"{file.name} has no {manifests.NAME} beside it: a model file is code, so describe the"
            f" one you trust with `python -m deploy manifest {file.parent}`, or set"
            " ALLOW_UNPINNED_MODEL=true"
        )
    return found


def digest(path: Path) -> bytes:
    """SHA-256 of a file, or of all files in a folder with their names."""
    if path.is_file():
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").digest()
    whole = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            whole.update(hashlib.sha256(str(file.relative_to(path)).encode()).digest())
            whole.update(digest(file))
    return whole.digest()
