"""Describes a model in a manifest, by which the app recognizes the file and checks its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from deploy import errors, sample_file, written_version
from deploy.columns.describing import Described, Describing
from deploy.columns.frames import Stated
from deploy.columns.oracle import plain
from inference import models
from inference.errors import ModelUnavailable
from inference.models import Model, manifests
from inference.rows import coercion
from inference.script_errors import SHOWN
from inference.scripts import batch_invariance


@errors.refusing_exit()
def describe(
    folder: Path,
    *,
    method: str = "predict",
    rows_file: Path | None = None,
    training: Any = None,
    stated: Stated | None = None,
    trusted: Sequence[str] = (),
    relative: float = manifests.RELATIVE,
    absolute: float = manifests.ABSOLUTE,
) -> manifests.Manifest:
    """The manifest of the one model in a folder. The model is loaded: it must be trusted.

    Golden rows come from a file, or from `training`: the rows that the model was trained on, as a
    DataFrame, an array or texts. Without either a few are made up for a model that takes an array
    or texts. Columns with names need rows, or a signature. Raises ScoringError, OSError.
    """
    file = models.find_file(folder)
    if trusted and file.suffix != ".skops":
        raise ModelUnavailable(f"{file.name} takes no --trust: only a .skops file lists its types")
    model = models.load(file, trusted=trusted, errors=SHOWN)
    model.answer_function(method, model.schema())  # raises if the model has no such method
    with sample_file.opened(rows_file) as rows:
        made = Describing(model, method, stated or Stated()).describe(folder, rows, training)
    return manifests.Manifest(
        file=file.relative_to(folder).as_posix(),
        sha256=models.digest(file).hex(),
        framework=model.framework,
        version=written_version.version_of(file, model),
        versions=dict(model.versions),
        method=method,
        features=manifests.features_of(made.schema),
        classes=plain(model.classes),
        independent=_is_independent(model, method, made),
        trusted=list(trusted),
        golden=replace(made.golden, relative=relative, absolute=absolute),
    )


def _is_independent(model: Model, method: str, made: Described) -> bool:
    rows = coercion.coerce_rows(made.golden.rows, made.schema, text=False).require_valid()
    return batch_invariance.is_batch_invariant(model.answer_function(method, made.schema), rows)
