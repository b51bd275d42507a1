"""A model, ready to answer: loaded, and proven by its golden rows."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.errors import ModelUnavailable
from inference.models import golden_rows
from inference.models.manifests import Manifest
from inference.models.model import Model, load
from inference.rows.row_types import Array
from inference.rows.schema import Schema
from inference.script_errors import HIDDEN, ScriptErrors

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VerifiedModel:
    """What a model takes, and its answers: from rows, shape (rows, features), to one a row."""

    schema: Schema
    answer: Callable[[Array], Any]
    #: Whether no code answers but a library's.
    bounded: bool


def load_verified(
    file: Path, manifest: Manifest | None, errors: ScriptErrors = HIDDEN
) -> VerifiedModel:
    """Load a model whose digest was checked. Raises ModelUnavailable.

    Its arrays are mapped where golden rows prove that it works on such.
    """
    if manifest is None:
        model = load(file, errors=errors)
        schema = model.schema()
        return VerifiedModel(schema, model.answer_function("predict", schema), model.bounded)
    proves = len(manifest.golden.rows) > 0
    model = load(file, trusted=manifest.trusted, mapped=proves, errors=errors)
    try:
        return _proven(model, manifest, errors)
    except ModelUnavailable as error:
        if not model.mapped:
            raise
        log.info("%s is loaded again, without mapping: %s", file.name, error)
    return _proven(load(file, errors=errors), manifest, errors)


def _proven(model: Model, manifest: Manifest, errors: ScriptErrors) -> VerifiedModel:
    schema = model.schema(manifest.features)
    answer = model.answer_function(manifest.method, schema)
    if manifest.golden.rows:
        rows = golden_rows.read_rows(manifest, schema)
        golden_rows.check(manifest, rows, answer, version=model.version, errors=errors)
    return VerifiedModel(schema, answer, model.bounded)
