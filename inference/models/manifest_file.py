"""Reads and writes `triscore.json`, the manifest beside a model file.

`format` is the number of its layout. The release before wrote `model.json`, with the same fields
and no number. That file is read where there is no triscore.json, and is never written. XGBoost has
a model.json of its own, which is ignored.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from inference.errors import ModelUnavailable
from inference.models import manifests
from inference.models.manifests import Manifest

NAME = "triscore.json"
FORMAT = 2

#: The name that the release before used, and the fields by which its manifest is recognized.
OLD_NAME = "model.json"
_OLD_FIELDS = frozenset({"file", "sha256", "framework", "version"})


def read(folder: Path) -> Manifest | None:
    """The manifest in a folder; None in a folder without one. Raises ModelUnavailable, OSError."""
    file = find(folder)
    if file is None:
        return None
    try:
        return manifests.parse(_fields(file))
    except (ValueError, TypeError, AttributeError) as error:
        wrong = error if isinstance(error, ValueError) else "a field has a value of another type"
        raise ModelUnavailable(
            f"{folder.name}/{file.name} can't be read: {wrong}. {_remedy(file)}"
            f" `triscore describe {folder}`"
        ) from error


def find(folder: Path) -> Path | None:
    """The file that holds the folder's manifest, whether or not it can be read."""
    if (folder / NAME).exists():
        return folder / NAME
    old = folder / OLD_NAME
    return old if _is_old_manifest(_document(old)) else None


def write(folder: Path, manifest: Manifest) -> Path:
    """Write a manifest beside its model, completely or not at all. Returns its path.

    Raises ModelUnavailable if the folder has a triscore.json that is no manifest.
    """
    require_replaceable(folder)
    target = folder / NAME
    part = folder / f"{NAME}.part"
    document = {"format": FORMAT} | asdict(manifest)
    part.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    part.replace(target)
    return target


def require_replaceable(folder: Path) -> None:
    """Raises ModelUnavailable if a new manifest would replace a file that is no manifest."""
    file = folder / NAME
    if file.exists() and not _is_manifest(_document(file)):
        raise ModelUnavailable(
            f"{file} is not replaced, because it is no manifest of a model: move it away, and"
            " run this again"
        )


def _document(file: Path) -> Any:
    """The JSON document in a file; None without one."""
    try:
        return orjson.loads(file.read_bytes())
    except (OSError, ValueError):
        return None


def _is_manifest(document: Any) -> bool:
    return isinstance(document, dict) and type(document.get("format")) is int


def _is_old_manifest(document: Any) -> bool:
    return isinstance(document, dict) and document.keys() >= _OLD_FIELDS


def _fields(file: Path) -> Any:
    """The fields of the manifest in a file. Raises ValueError if it is of another format."""
    document = orjson.loads(file.read_bytes())
    if file.name == OLD_NAME or not isinstance(document, dict):
        return document
    found = document.pop("format", None)
    if found != FORMAT:
        raise ValueError(f"format: this release reads {FORMAT}, got {orjson.dumps(found).decode()}")
    return document


def _remedy(file: Path) -> str:
    if file.name == OLD_NAME or _is_manifest(_document(file)):
        return "Write it again with"
    return "Move it away, and write a manifest with"
