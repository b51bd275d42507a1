"""`deploy.describe`: describes a model where it was trained, which knows the types best."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

from deploy import manifest
from deploy.columns.frames import Stated
from inference.errors import ModelUnavailable
from inference.models import files, manifest_file, manifests
from inference.rows.schema import COLUMN_TYPES, NA_WORDS, UNSEEN, ColumnType, Unseen

#: The file that an estimator is saved in.
FILE = "model.joblib"

Method = Literal["predict", "predict_proba", "decision_function", "transform"]


def describe(
    model: Any,
    X: Any,  # noqa: N803 - as scikit-learn calls it
    folder: str | os.PathLike[str],
    *,
    method: Method = "predict",
    types: Mapping[str, ColumnType] | None = None,
    na: Sequence[str] | None = None,
    unseen: Unseen = "error",
    trusted: Sequence[str] = (),
    relative: float = manifests.RELATIVE,
    absolute: float = manifests.ABSOLUTE,
) -> Path:
    """Write the manifest of a model into its folder, and return the manifest's path.

    `model`: a fitted estimator, which is saved in the folder as model.joblib; or the path of the
    model's file in the folder. `X`: the rows that it was trained on: a DataFrame, an array or
    texts. Types and missing cells are learnt from all of them; some of them become golden rows. The
    other arguments are those of `triscore describe`. Raises ScoringError or OSError, and then
    writes nothing.
    """
    place = Path(folder)
    words = NA_WORDS if na is None else (na,) if isinstance(na, str) else tuple(na)
    stated = Stated(_validate_types(types or {}), words, _validate_unseen(unseen))
    if isinstance(model, str | os.PathLike):
        described = manifest.describe(
            place,
            method=method,
            training=X,
            stated=stated,
            trusted=trusted,
            relative=relative,
            absolute=absolute,
        )
        if not (place / described.file).samefile(model):
            raise ModelUnavailable(f"{place} holds {described.file}, not {model}: name that folder")
        return manifest_file.write(place, described)
    _require_importable(model)
    place.mkdir(parents=True, exist_ok=True)
    _require_only(place)
    import joblib  # noqa: PLC0415 - brings scikit-learn's whole import with it

    with tempfile.TemporaryDirectory(dir=place, prefix=".describe-") as apart:
        saved = Path(apart) / FILE
        joblib.dump(model, saved)
        described = manifest.describe(
            Path(apart),
            method=method,
            training=X,
            stated=stated,
            relative=relative,
            absolute=absolute,
        )
        manifest_file.require_replaceable(place)
        shutil.move(saved, place / FILE)
    return manifest_file.write(place, replace(described, file=FILE))


def _validate_types(types: Mapping[str, str]) -> dict[str, ColumnType]:
    for name, kind in types.items():
        if kind not in COLUMN_TYPES:
            raise ModelUnavailable(
                f"types: {name}: expected one of {', '.join(COLUMN_TYPES)}, got {kind}"
            )
    return cast("dict[str, ColumnType]", dict(types))


def _validate_unseen(unseen: Unseen) -> Unseen:
    if unseen not in UNSEEN:
        raise ModelUnavailable(f"unseen: expected {' or '.join(UNSEEN)}, got {unseen}")
    return unseen


def _require_importable(model: Any) -> None:
    """Raises ModelUnavailable for a class that only this notebook has."""
    parts = [model]
    if callable(get := getattr(model, "get_params", None)):
        parts += get(deep=True).values()
    for part in parts:
        kind = part if callable(part) and hasattr(part, "__module__") else type(part)
        if getattr(kind, "__module__", "") == "__main__":
            raise ModelUnavailable(
                f"{getattr(kind, '__name__', 'a class')} is defined in the notebook, where the app"
                " can't import it: put it into a module beside the model, and import it from there"
            )


def _require_only(folder: Path) -> None:
    """Raises ModelUnavailable if the folder holds the file of another model."""
    for file in folder.iterdir():
        ours = file.name in (FILE, manifests.ACCELERATED)
        if file.name.lower().endswith(files.SUFFIXES) and not ours:
            raise ModelUnavailable(
                f"{folder} holds another model, {file.name}: give an empty folder, or the path of"
                " that file instead of the estimator"
            )
