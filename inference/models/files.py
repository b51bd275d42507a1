"""Finds the model file in a folder and what the model is called, and verifies its digest."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from inference.errors import ModelUnavailable
from inference.models import manifest_file, manifests, mlflow_folder
from inference.models.manifests import Manifest
from inference.settings import DEFAULT_SCRIPT

#: The endings of model files. joblib reads a pickle with any of these compressions by itself.
_PICKLES = (".joblib", ".pkl", ".pickle", ".sav")
_COMPRESSIONS = ("", ".gz", ".z", ".bz2", ".xz", ".lzma", ".lz4")
_NATIVE = (".cbm", ".ubj")
SUFFIXES = (
    *(pickle + packed for pickle in _PICKLES for packed in _COMPRESSIONS),
    *(".skops", ".onnx"),
    *_NATIVE,
)
#: As a message names them.
_ENDINGS = ", ".join(f"*{ending}" for ending in (*_PICKLES, ".skops", ".onnx", *_NATIVE))

#: How many folders below a model's folder its file may lie.
MAX_DEPTH = 3

#: A folder with such a name is a version of the model that the folder above is named after.
_VERSION = re.compile(r"v?\d+([.]\d+)*")


@dataclass(frozen=True, slots=True)
class ModelId:
    """Which model answers: the name of its folder, and the beginning of its digest."""

    name: str
    version: str

    def as_dict(self) -> dict[str, str]:
        return {"name": self.name, "version": self.version}


def model_name(folder: Path) -> str:
    """The name of a model's folder, or of the folder above `3` or `v1.2`."""
    named = folder.parent if _VERSION.fullmatch(folder.name) else folder
    return named.name or folder.name


def stem(file: Path) -> str:
    """A model file's name without its ending, which may be `.joblib.gz`."""
    name = file.name.lower()
    return next((file.name[: -len(each)] for each in SUFFIXES if name.endswith(each)), file.stem)


def find_file(folder: Path, manifest: Manifest | None = None) -> Path:
    """The file that the manifest names. Without a manifest, the only model file in the folder; if
    it has none, the only one in the folders below. Raises ModelUnavailable.

    An MLflow model names its file itself.
    """
    if manifest is not None:
        if not (folder / manifest.file).is_file():
            raise ModelUnavailable(
                f"the manifest in {folder.name}/ describes {manifest.file}, which is not there:"
                f" put it there, or describe another model with `triscore describe {folder}`"
            )
        return folder / manifest.file
    files = _model_files(folder)
    if len(files) != 1:
        found = ", ".join(str(file.relative_to(folder)) for file in files) or "none"
        remedy = "keep one of them there" if files else _remedy_without_file(folder)
        raise ModelUnavailable(
            f"expected one model file ({_ENDINGS}) in {folder.name}/, found {found}: {remedy}"
        )
    return files[0]


def _remedy_without_file(folder: Path) -> str:
    if (folder / manifest_file.OLD_NAME).is_file():
        return (
            f"an XGBoost model in {manifest_file.OLD_NAME} is not read, save it with"
            " save_model('model.ubj')"
        )
    if (folder / DEFAULT_SCRIPT).is_file():
        return f"train or copy the model there. {DEFAULT_SCRIPT} alone is served without a manifest"
    return "train or copy the model there"


def _model_files(folder: Path) -> list[Path]:
    """The model files in a folder, or in the nearest level of folders below that has any."""
    level = [folder]
    for _ in range(MAX_DEPTH + 1):
        files = [file for each in level for file in _directly_in(each)]
        if files:
            return files
        level = [below for each in level for below in _folders_in(each)]
    return []


def _directly_in(folder: Path) -> Iterator[Path]:
    if mlflow_folder.is_model(folder):
        yield mlflow_folder.find_file(folder)
        return
    for file in sorted(folder.iterdir()):
        named = file.name.lower().endswith(SUFFIXES) and file.name != manifests.ACCELERATED
        if named and file.is_file():
            yield file


def _folders_in(folder: Path) -> Iterator[Path]:
    for below in sorted(folder.iterdir()):
        if below.is_dir() and not below.name.startswith((".", "__")):
            yield below


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
