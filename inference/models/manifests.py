"""`model.json`: what a model file must be, written beside it when it was made.

    {"file": "model.joblib", "sha256": "…", "framework": "scikit-learn", "version": "1.9.1",
     "method": "predict", "classes": [0, 1], "independent": true,
     "features": {"kind": "array", "count": 64, "names": null, "types": null, "missing": null},
     "golden": {"rows": [[…], …], "predictions": […], "relative": 1e-06, "absolute": 1e-09},
     "trusted": [], "accelerated": null}

A pickle executes code while it is read, so its digest is compared before a byte of it is. Golden
rows are a few inputs with the answers that the model gave where it was made: another version of
scikit-learn is accepted only while it gives the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from inference.errors import ModelUnavailable
from inference.rows.schema import COLUMN_TYPES, KINDS, TEXTS, ColumnType, Kind, Schema

NAME = "model.json"
#: What `python -m deploy accelerate` writes beside a model.
ACCELERATED = "accelerated.onnx"

#: The methods of an estimator that may answer.
METHODS = ("predict", "predict_proba", "decision_function", "transform")

#: By how much a number may differ from where the model was made, unless its manifest says else.
RELATIVE, ABSOLUTE = 1e-6, 1e-9


@dataclass(frozen=True, slots=True)
class Features:
    """What the model takes, as inference.rows.schema has it; None where its estimator says it."""

    kind: Kind = "array"
    count: int | None = None
    names: Sequence[str] | None = None
    types: Sequence[ColumnType] | None = None
    #: Whether cells may be missing.
    missing: bool | None = None

    def schema(self) -> Schema | None:
        """What the model takes, where that is known without loading it."""
        if self.kind == "texts":
            return TEXTS
        if self.count is None or self.missing is None:
            return None
        return Schema(
            kind=self.kind,
            features=self.count,
            names=None if self.names is None else tuple(self.names),
            types=None if self.types is None else tuple(self.types),
            allows_missing=self.missing,
        )


@dataclass(frozen=True, slots=True)
class Golden:
    """Inputs and the answers that the model gave to them where it was made.

    Another machine's arithmetic may differ in the last digits of a number: by more than the
    tolerances it is another model.
    """

    rows: Sequence[Sequence[Any]] = ()
    predictions: Sequence[Any] = ()
    relative: float = RELATIVE
    absolute: float = ABSOLUTE


@dataclass(frozen=True, kw_only=True, slots=True)
class Accelerated:
    """The model as an ONNX graph, and the proof that it answers alike."""

    file: str
    sha256: str
    #: How it holds numbers.
    numbers: str
    #: As the manifest's, of the graph.
    independent: bool
    #: Of all that converted and proved it.
    versions: Mapping[str, str]
    relative: float
    absolute: float
    #: Rows that were answered alike, and the largest difference between two numbers.
    rows: int
    largest_difference: float


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
    #: Whether a row was answered alike alone and in company; found out anew where it serves.
    independent: bool = False
    #: Types in a skops file that somebody vouched for, beyond skops' own list.
    trusted: Sequence[str] = ()
    golden: Golden = field(default_factory=Golden)
    accelerated: Accelerated | None = None

    def effective(self) -> Manifest:
        """Of the file that answers: the accelerated one, where there is one.

        Its digest is then the model's, however small the differences: they were proven on some
        rows, and a cached answer must be one of the very file that its key names.
        """
        graph = self.accelerated
        if graph is None:
            return self
        return replace(
            self,
            file=graph.file,
            sha256=graph.sha256,
            framework="onnx",
            version=graph.versions["onnxruntime"],
            independent=graph.independent,
            golden=replace(self.golden, relative=graph.relative, absolute=graph.absolute),
        )

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
                "accelerated": _accelerated(document.get("accelerated")),
            }
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise ModelUnavailable(
            f"{folder.name}/{NAME} can't be read ({error}): write it anew with"
            f" `python -m deploy manifest {folder.name}`"
        ) from error
    for file in (manifest.file, manifest.effective().file):
        if Path(file).name != file:
            raise ModelUnavailable(f"{NAME} names {file!r}: the model must lie beside it")
    if manifest.method not in METHODS:
        raise ModelUnavailable(
            f"{NAME} names the method {manifest.method!r}: expected one of {', '.join(METHODS)}"
        )
    _require_known(manifest.features)
    return manifest


def _accelerated(document: dict[str, Any] | None) -> Accelerated | None:
    if document is None:
        return None
    if "onnxruntime" not in document.get("versions", {}):
        raise ValueError("accelerated.versions names no onnxruntime")
    return Accelerated(**document)


def _require_known(features: Features) -> None:
    if features.kind not in KINDS:
        raise ModelUnavailable(
            f"{NAME} says kind {features.kind!r}: expected one of {', '.join(KINDS)}"
        )
    types, names = features.types, features.names
    if types is not None and not set(types) <= set(COLUMN_TYPES):
        raise ModelUnavailable(f"{NAME}: types are some of {', '.join(COLUMN_TYPES)}")
    if features.kind == "frame" and (not names or not types or len(names) != len(types)):
        raise ModelUnavailable(f"{NAME}: a frame needs names and types, one of each a column")


def write(folder: Path, manifest: Manifest) -> Path:
    """Put a manifest beside its model, whole or not at all; returns its path."""
    target = folder / NAME
    part = target.with_suffix(".part")
    part.write_bytes(orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2))
    part.replace(target)
    return target
