"""Golden rows: inputs that the model must answer as it did where it was made."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from inference.errors import CallerError, ModelUnavailable
from inference.models.manifests import Manifest
from inference.rows import coercion
from inference.rows.formats import json_codec
from inference.rows.row_types import Values
from inference.rows.schema import Schema
from inference.script_errors import HIDDEN, ScriptErrors

log = logging.getLogger(__name__)


def read_rows(manifest: Manifest, schema: Schema) -> Values:
    """The golden rows in the model's types, shape (rows, features). Raises ModelUnavailable."""
    try:
        return coercion.coerce_rows(manifest.golden.rows, schema, text=False).require_valid()
    except CallerError as error:
        raise ModelUnavailable(
            f"the golden rows of {manifest.file} do not fit the model: {error}. Describe the model"
            " again with `triscore describe`"
        ) from error


def check(
    manifest: Manifest,
    rows: Values,
    answer: Callable[[Values], object],
    *,
    version: str,
    versions: Mapping[str, str],
    errors: ScriptErrors = HIDDEN,
) -> None:
    """Raises ModelUnavailable if `answer` differs from the manifest's predictions.

    `version`: of the framework that is installed; `versions`: of all distributions that compute the
    answers. If one of them is another than the manifest's, and the answers agree, a warning is
    logged.
    """
    made, installed = f"{manifest.framework} {manifest.version}", version
    try:
        answers = orjson.loads(json_codec.dumps(answer(rows)))
    except Exception as error:  # noqa: BLE001 - a model is code, which may raise anything
        raise ModelUnavailable(
            f"{manifest.file}, made with {made}, fails on its golden rows with version"
            f" {installed}: {errors.describe(error)}"
        ) from errors.cause(error)
    tolerances = {"relative": manifest.golden.relative, "absolute": manifest.golden.absolute}
    if not agree(answers, manifest.golden.predictions, **tolerances):
        raise ModelUnavailable(
            f"{manifest.file}, made with {made}, answers its golden rows differently with version"
            f" {installed}: train the model again, or install the version that it was made with"
        )
    if manifest.version != installed:
        log.warning(
            "%s was made with %s and is served with version %s; its golden rows agree",
            *(manifest.file, made, installed),
        )
    for name, described in manifest.versions.items():
        if (found := versions.get(name, "none")) != described:
            log.warning(
                "the golden rows of %s were answered with %s %s, and agree with %s",
                *(manifest.file, name, described, found),
            )


def agree(answers: Any, expected: Any, *, relative: float, absolute: float) -> bool:
    """Whether two JSON values have one shape, equal labels, and numbers within the tolerances."""
    if isinstance(expected, list) and isinstance(answers, list):
        return len(answers) == len(expected) and all(
            agree(one, other, relative=relative, absolute=absolute)
            for one, other in zip(answers, expected, strict=True)
        )
    if isinstance(expected, float) and isinstance(answers, float):
        return math.isclose(answers, expected, rel_tol=relative, abs_tol=absolute)
    return type(answers) is type(expected) and bool(answers == expected)
