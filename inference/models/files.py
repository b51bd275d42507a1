"""Finds the model file in a folder, and verifies its digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from inference.errors import ModelUnavailable
from inference.models import manifest_file, manifests
from inference.models.manifests import Manifest

SUFFIXES = (".joblib", ".pkl", ".pickle", ".skops", ".onnx")


@dataclass(frozen=True, slots=True)
class ModelId:
    """Which model answers: the name of its folder, and the beginning of its digest."""

    name: str
    version: str

    def as_dict(self) -> dict[str, str]:
        return {"name": self.name, "version": self.version}


def find_file(folder: Path, manifest: Manifest | None = None) -> Path:
    """The file that the manifest names; without a manifest, the only model file in the folder.

    Raises ModelUnavailable.
    """
    if manifest is not None:
        if not (folder / manifest.file).is_file():
            raise ModelUnavailable(
                f"the manifest in {folder.name}/ describes {manifest.file}, which is not there:"
                f" put it there, or describe another model with `triscore describe {folder}`"
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
            f" found {found}: train or copy the model there"
        )
    return files[0]


def verify_digest(file: Path, manifest: Manifest | None, *, allow_unpinned: bool) -> bytes:
    """The digest of a file that may be loaded. Raises ModelUnavailable for any other file.

    A model file is code. It may be loaded if its manifest has its digest, or if it has no manifest
    and `allow_unpinned` is set.
    """
    found = digest(file)
    if manifest is not None:
        manifest.require_digest(found)
    elif not allow_unpinned:
        raise ModelUnavailable(
            f"{file.name} has no {manifest_file.NAME} beside it. A model file is code: if you trust"
            f" this one, describe it with `triscore describe {file.parent}`, or set"
            " ALLOW_UNPINNED_MODEL=true"
        )
    return found


def digest(path: Path) -> bytes:
    """SHA-256 of a file, or of the names and contents of all files in a folder."""
    if path.is_file():
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").digest()
    whole = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            whole.update(hashlib.sha256(str(file.relative_to(path)).encode()).digest())
            whole.update(digest(file))
    return whole.digest()
