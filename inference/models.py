"""Models: the file in the model's folder, its digest, and what its estimator takes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from inference.errors import ModelUnavailable
from inference.rows import Array, Signature

SUFFIXES = (".joblib", ".pkl", ".pickle")


class Estimator(Protocol):
    """The one method of a scikit-learn estimator that a default answer comes from."""

    def predict(self, values: Array, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class ModelId:
    """Which model answers: its folder's name, and the beginning of its digest."""

    name: str
    version: str

    def as_dict(self) -> dict[str, str]:
        return {"name": self.name, "version": self.version}


def find(folder: Path) -> Path:
    """The one model file in a folder. Raises ModelUnavailable."""
    files = sorted(file for file in folder.iterdir() if file.suffix in SUFFIXES)
    if len(files) != 1:
        found = ", ".join(file.name for file in files) or "none"
        raise ModelUnavailable(
            f"expected one model file ({', '.join('*' + s for s in SUFFIXES)}) in {folder.name}/,"
            f" found {found}; train or copy the model there"
        )
    return files[0]


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


def load(file: Path) -> Estimator:
    """Unpickle an estimator, its arrays mapped from the file where it allows that."""
    import joblib  # noqa: PLC0415 - brings scikit-learn's whole import with it

    try:
        return joblib.load(file)  # type: ignore[no-any-return]
    except Exception as error:  # a pickle may raise anything
        raise ModelUnavailable(
            f"{file.name} did not load: {type(error).__name__}: {error}"
        ) from error


def signature(estimator: object) -> Signature:
    """What an estimator takes, as far as it says so itself."""
    names = getattr(estimator, "feature_names_in_", None)
    return Signature(
        features=getattr(estimator, "n_features_in_", None),
        names=None if names is None else tuple(map(str, names)),
        allows_missing=_allows_missing(estimator),
    )


def _allows_missing(estimator: object) -> bool:
    from sklearn.utils import get_tags  # noqa: PLC0415 - as above

    try:
        return bool(get_tags(estimator).input_tags.allow_nan)
    except (AttributeError, TypeError):  # not a scikit-learn estimator: it says nothing of itself
        return False
