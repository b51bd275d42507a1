"""Models: the file in the model's folder, its digest, and what its estimator takes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from inference import manifests
from inference.errors import ModelUnavailable
from inference.manifests import Features, Manifest
from inference.signature import TEXTS, Signature

SUFFIXES = (".joblib", ".pkl", ".pickle")


@dataclass(frozen=True, slots=True)
class ModelId:
    """Which model answers: its folder's name, and the beginning of its digest."""

    name: str
    version: str

    def as_dict(self) -> dict[str, str]:
        return {"name": self.name, "version": self.version}


def find(folder: Path, manifest: Manifest | None = None) -> Path:
    """The model file that the manifest names, or the only one. Raises ModelUnavailable."""
    if manifest is not None and (folder / manifest.file).is_file():
        return folder / manifest.file
    files = sorted(file for file in folder.iterdir() if file.suffix in SUFFIXES)
    if len(files) != 1:
        found = ", ".join(file.name for file in files) or "none"
        raise ModelUnavailable(
            f"expected one model file ({', '.join('*' + s for s in SUFFIXES)}) in {folder.name}/,"
            f" found {found}; train or copy the model there"
        )
    return files[0]


def require_pinned(file: Path, manifest: Manifest | None, *, allow_unpinned: bool) -> bytes:
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


def load(file: Path) -> Any:
    """Unpickle an estimator, its arrays mapped from the file where it allows that."""
    import joblib  # noqa: PLC0415 - brings scikit-learn's whole import with it

    try:
        return joblib.load(file)
    except BaseException as error:  # a pickle may raise anything, SystemExit included
        raise ModelUnavailable(
            f"{file.name} did not load: {type(error).__name__}: {error}"
        ) from error


def signature(estimator: object, features: Features = Features()) -> Signature:  # noqa: B008 - frozen
    """What an estimator takes: what the manifest says of it, and what it says itself."""
    told = described(features)
    if features.missing is not None:
        return told
    names = getattr(estimator, "feature_names_in_", None)
    return replace(
        told,
        features=getattr(estimator, "n_features_in_", None),
        names=None if names is None else tuple(map(str, names)),
        allows_missing=_allows_missing(estimator),
    )


def described(features: Features) -> Signature:
    """What a manifest says that its model takes."""
    if features.kind == "texts":
        return TEXTS
    return Signature(
        kind=features.kind,
        features=features.count,
        names=None if features.names is None else tuple(features.names),
        types=None if features.types is None else tuple(features.types),
        allows_missing=bool(features.missing),
    )


def framework_version() -> str:
    """Of the scikit-learn that serves."""
    import sklearn  # noqa: PLC0415 - loaded with the model, not before

    return str(sklearn.__version__)


def takes_texts(estimator: object) -> bool:
    """Whether an estimator, or the first step of a pipeline, takes one text a row."""
    from sklearn.utils import get_tags  # noqa: PLC0415 - as above

    while steps := getattr(estimator, "steps", None) or getattr(
        estimator, "transformer_list", None
    ):
        estimator = steps[0][1]
    try:
        tags = get_tags(estimator).input_tags
    except (AttributeError, TypeError):
        return False
    return bool(tags.string and not tags.two_d_array)


def _allows_missing(estimator: object) -> bool:
    from sklearn.utils import get_tags  # noqa: PLC0415 - as above

    try:
        return bool(get_tags(estimator).input_tags.allow_nan)
    except (AttributeError, TypeError):  # not a scikit-learn estimator: it says nothing of itself
        return False
