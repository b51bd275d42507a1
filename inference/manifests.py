"""`model.json`: what a model file must be, written beside it when it was made.

    {"file": "model.joblib", "sha256": "…", "framework": "scikit-learn", "version": "1.9.1",
     "method": "predict", "features": {"count": 64, "names": null}, "classes": [0, 1],
     "golden": {"rows": [[…], …], "predictions": […]}}

A pickle executes code while it is read, so its digest is compared before a byte of it is. Golden
rows are a few inputs with the answers that the model gave where it was made: another version of
scikit-learn is accepted only while it gives the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from inference.errors import ModelUnavailable

NAME = "model.json"

#: The methods of an estimator that may answer.
METHODS = ("predict", "predict_proba", "decision_function", "transform")


@dataclass(frozen=True, slots=True)
class Features:
    """What the model takes; `names` only where it was trained with names."""

    count: int | None = None
    names: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Golden:
    """Inputs and the answers that the model gave to them where it was made."""

    rows: Sequence[Sequence[Any]] = ()
    predictions: Sequence[Any] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """A model file's description."""

    file: str
    sha256: str
    framework: str
    version: str
    method: str = "predict"
    features: Features = field(default_factory=Features)
    classes: Sequence[Any] | None = None
    golden: Golden = field(default_factory=Golden)

    def require_digest(self, digest: bytes) -> None:
        """Raises ModelUnavailable where the file is not the one that was described."""
        if digest.hex() != self.sha256:
            raise ModelUnavailable(
                f"{self.file} has the SHA-256 {digest.hex()[:12]}…, {NAME} expects"
                f" {self.sha256[:12]}…: it is another file than the one that was described. Put the"
                f" right one there, or describe this one with `python -m deploy manifest`"
            )


def read(folder: Path) -> Manifest | None:
    """The manifest in a folder, None where there is none. Raises ModelUnavailable."""
    try:
        text = (folder / NAME).read_bytes()
    except FileNotFoundError:
        return None
    try:
        document = orjson.loads(text)
        manifest = Manifest(
            **document
            | {
                "features": Features(**document.get("features") or {}),
                "golden": Golden(**document.get("golden") or {}),
            }
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise ModelUnavailable(
            f"{folder.name}/{NAME} can't be read ({error}): write it anew with"
            f" `python -m deploy manifest {folder.name}`"
        ) from error
    if Path(manifest.file).name != manifest.file:
        raise ModelUnavailable(f"{NAME} names {manifest.file!r}: the model must lie beside it")
    if manifest.method not in METHODS:
        raise ModelUnavailable(
            f"{NAME} names the method {manifest.method!r}: expected one of {', '.join(METHODS)}"
        )
    return manifest


def write(folder: Path, manifest: Manifest) -> Path:
    """Put a manifest beside its model, whole or not at all; returns its path."""
    target = folder / NAME
    part = target.with_suffix(".part")
    part.write_bytes(orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2))
    part.replace(target)
    return target
