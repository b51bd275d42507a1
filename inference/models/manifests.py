"""The manifest: says what a model file is, and lies beside it as `triscore.json`.

    {"format": 2, "file": "model.joblib", "sha256": "…", "framework": "scikit-learn",
     "version": "1.9.1", "method": "predict", "classes": [0, 1], "independent": true,
     "features": {"kind": "array", "count": 64, "names": null, "types": null, "missing": null},
     "golden": {"rows": [[…], …], "predictions": […], "relative": 1e-06, "absolute": 1e-09},
     "trusted": [], "accelerated": null, "versions": {"scikit-learn": "1.9.1"}}

A pickle runs code while it is read, so its digest is compared before it is read. Golden rows are a
few inputs with the answers that the model gave where it was made: another version of scikit-learn
is accepted only if it gives the same answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, asdict, dataclass, field, fields, replace
from pathlib import PurePosixPath
from typing import Any

from inference.errors import ModelUnavailable
from inference.rows.schema import (
    COLUMN_TYPES,
    KINDS,
    NA_WORDS,
    TEXTS,
    Column,
    ColumnType,
    Kind,
    Schema,
    Unseen,
    frame_schema,
    texts_schema,
)

#: The file that `triscore accelerate` writes beside a model.
ACCELERATED = "accelerated.onnx"

#: The estimator's methods that can answer.
METHODS = ("predict", "predict_proba", "decision_function", "transform")

#: The default tolerances for golden rows.
RELATIVE, ABSOLUTE = 1e-6, 1e-9


@dataclass(frozen=True, slots=True)
class Features:
    """What the model takes, in the words of inference.rows.schema. None: the estimator says it."""

    kind: Kind = "array"
    count: int | None = None
    names: Sequence[str] | None = None
    #: Of a frame in a manifest of the first release, which had no columns.
    types: Sequence[ColumnType] | None = None
    #: Whether cells of an array may be missing.
    missing: bool | None = None
    #: NumPy's name for the numbers of an array.
    dtype: str = "float64"
    #: Of a frame: the fields of a Column each.
    columns: Sequence[Mapping[str, Any]] | None = None
    #: The texts that mean a missing cell in CSV; None: those of pandas.
    na: Sequence[str] | None = None
    unseen: Unseen = "error"

    def schema(self) -> Schema | None:
        """What the model takes; None if only the loaded model can say it."""
        if self.kind == "texts":
            return texts_schema(*(self.names or ()))
        if self.kind == "frame":
            return frame_schema(self._columns(), na=self.na_words(), unseen=self.unseen)
        if self.count is None or self.missing is None:
            return None
        return Schema(
            features=self.count,
            names=None if self.names is None else tuple(self.names),
            dtype=self.dtype,
            allows_missing=self.missing,
            na=self.na_words(),
        )

    def na_words(self) -> tuple[str, ...]:
        return NA_WORDS if self.na is None else tuple(self.na)

    def _columns(self) -> list[Column]:
        if self.columns is not None:
            return [_column(each) for each in self.columns]
        named = zip(self.names or (), self.types or (), strict=True)
        return [Column(name, kind, missing=bool(self.missing)) for name, kind in named]


def features_of(schema: Schema) -> Features:
    """The reverse of Features.schema."""
    na = None if schema.na == NA_WORDS else list(schema.na)
    if schema.kind == "frame":
        columns = [_fields(column) for column in schema.columns or ()]
        return Features("frame", schema.features, columns=columns, na=na, unseen=schema.unseen)
    if schema.kind == "texts":
        return Features("texts", names=None if schema == TEXTS else list(schema.names or ()))
    return Features(
        count=schema.features,
        names=schema.names and list(schema.names),
        missing=schema.allows_missing,
        dtype=schema.dtype,
        na=na,
    )


def _fields(column: Column) -> dict[str, Any]:
    """The fields of a column that are not the usual ones of its type."""
    usual = Column(column.name, column.type)
    return {
        name: value
        for name, value in asdict(column).items()
        if name in ("name", "type") or value != getattr(usual, name)
    }


def _column(document: Mapping[str, Any]) -> Column:
    """Raises ValueError, as _build does."""
    column = _build(Column, document, "a column of features.columns")
    categories, known = column.categories, column.known
    return replace(
        column,
        categories=None if categories is None else tuple(categories),
        known=None if known is None else tuple(known),
    )


@dataclass(frozen=True, slots=True)
class Golden:
    """Golden rows, and the answers that the model gave to them where it was made.

    Arithmetic on another machine may differ in a number's last digits. A difference beyond the
    tolerances means another model.
    """

    rows: Sequence[Sequence[Any]] = ()
    predictions: Sequence[Any] = ()
    relative: float = RELATIVE
    absolute: float = ABSOLUTE


@dataclass(frozen=True, kw_only=True, slots=True)
class Accelerated:
    """The model as an ONNX graph, and what was compared to accept it."""

    file: str
    sha256: str
    #: The graph's type of numbers.
    numbers: str
    #: As Manifest.independent, for the graph.
    independent: bool
    #: The versions of all packages that converted and compared it.
    versions: Mapping[str, str]
    relative: float
    absolute: float
    #: How many rows agreed, and the largest difference between two numbers.
    rows: int
    largest_difference: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """What `triscore.json` says of a model file."""

    file: str
    sha256: str
    framework: str
    #: Of the framework, as the model's file names it.
    version: str
    method: str = "predict"
    features: Features = field(default_factory=Features)
    classes: Sequence[Any] | None = None
    #: Whether the model is batch invariant. It is tested again where the model serves.
    independent: bool = False
    #: Types in a skops file that are trusted beyond skops' own list.
    trusted: Sequence[str] = ()
    golden: Golden = field(default_factory=Golden)
    accelerated: Accelerated | None = None
    #: The versions of the distributions that computed the golden answers.
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def distribution(self) -> str:
        """The distribution of the framework, by the name that `versions` has for it."""
        name = "onnxruntime" if self.framework == "onnx" else self.framework
        small = f"{name}-cpu"  # as XGBoost's smaller one is called
        return small if small in self.versions else name

    def effective(self) -> Manifest:
        """The manifest of the file that answers: the accelerated one, if there is one.

        The digest of the accelerated file then counts as the model's, so that a cached answer is
        always one of the very file that its key names. The two files were compared on some rows
        only, and may differ within the tolerances.
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
            versions={"onnxruntime": graph.versions["onnxruntime"]},
            independent=graph.independent,
            golden=replace(self.golden, relative=graph.relative, absolute=graph.absolute),
        )

    def require_digest(self, digest: bytes) -> None:
        """Raises ModelUnavailable for the digest of another file than the described one."""
        if digest.hex() != self.sha256:
            raise ModelUnavailable(
                f"{self.file} is another file than the one that its manifest describes: expected"
                f" the SHA-256 {self.sha256[:12]}…, got {digest.hex()[:12]}…. Put the described"
                " file there, or describe this one with `triscore describe`"
            )


def parse(document: Any) -> Manifest:
    """A manifest from its JSON object.

    Raises ValueError with the field, what is expected and what was got; TypeError or AttributeError
    for a value of a type that cannot be meant.
    """
    manifest = _build(Manifest, document, "the document")
    manifest = replace(
        manifest,
        features=_build(Features, manifest.features or {}, "features"),
        golden=_build(Golden, manifest.golden or {}, "golden"),
        accelerated=manifest.accelerated
        and _build(Accelerated, manifest.accelerated, "accelerated"),
    )
    _validate(manifest)
    return manifest


def _build[T: Any](kind: type[T], document: Any, name: str) -> T:
    """A dataclass from a JSON object. Raises ValueError for unknown and missing fields."""
    if isinstance(document, kind):  # the default of the field
        return document
    if not isinstance(document, dict):
        raise ValueError(f"{name} is not a JSON object")  # noqa: TRY004 - a wrong document
    known = fields(kind)
    if unknown := document.keys() - {each.name for each in known}:
        raise ValueError(f"{name} has unknown fields: {', '.join(sorted(unknown))}")
    if missing := {each.name for each in known if _is_required(each)} - document.keys():
        raise ValueError(f"{name} lacks fields: {', '.join(sorted(missing))}")
    made: T = kind(**document)
    return made


def _is_required(each: Field[Any]) -> bool:
    return each.default is MISSING and each.default_factory is MISSING


def _validate(manifest: Manifest) -> None:
    """Raises ValueError with the field, what is expected and what was got."""
    if manifest.accelerated is not None and "onnxruntime" not in manifest.accelerated.versions:
        raise ValueError("accelerated.versions: expected the version of onnxruntime, got none")
    for file in (manifest.file, manifest.effective().file):
        path = PurePosixPath(file)
        if path.is_absolute() or ".." in path.parts or not path.name:
            raise ValueError(f"file: expected a file in the manifest's folder, got {file}")
    if manifest.method not in METHODS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {manifest.method}")
    _validate_features(manifest.features)


def _validate_features(features: Features) -> None:
    if features.kind not in KINDS:
        raise ValueError(f"features.kind: expected one of {', '.join(KINDS)}, got {features.kind}")
    columns = [_column(each) for each in features.columns or ()]
    types = [*(features.types or ()), *(column.type for column in columns)]
    if unknown := sorted({*types} - {*COLUMN_TYPES}):
        raise ValueError(
            f"features: expected only the types {', '.join(COLUMN_TYPES)}, got {', '.join(unknown)}"
        )
    if features.kind == "frame" and not columns:
        _validate_old_columns(features.names or (), types)


def _validate_old_columns(names: Sequence[str], types: Sequence[str]) -> None:
    """The columns of a frame, as the release before wrote them."""
    if not names or len(names) != len(types):
        raise ValueError(
            "features: expected the columns of a frame, at least one, got"
            f" {len(names)} names and {len(types)} types"
        )
