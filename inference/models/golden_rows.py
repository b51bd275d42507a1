"""Golden rows: a model must answer them as it did where it was made."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any

import orjson

from inference.errors import CallerError, ModelUnavailable
from inference.models.manifests import Manifest
from inference.rows import coercion
from inference.rows.codecs import json_codec
from inference.rows.row_types import Array
from inference.rows.schema import Schema
from inference.script_errors import HIDDEN, ScriptErrors

log = logging.getLogger(__name__)


def read_rows(manifest: Manifest, schema: Schema) -> Array:
    """The golden rows as the model takes them, shape (rows, features). Raises ModelUnavailable."""
    try:
        return coercion.coerce_rows(manifest.golden.rows, schema, text=False).require_valid()
    except CallerError as error:
        raise ModelUnavailable(
            f"{manifest.file} does not answer its golden rows: {error}; describe it anew with"
            " `python -m deploy manifest`"
        ) from error


def check(
    manifest: Manifest,
    rows: Array,
    answer: Callable[[Array], object],
    *,
    version: str,
    errors: ScriptErrors = HIDDEN,
) -> None:
    """Raises ModelUnavailable where the answers to the golden rows differ.

    Warns of another version of the framework whose answers agree.
    """
    made, here = f"{manifest.framework} {manifest.version}", version
    try:
        told = orjson.loads(json_codec.dumps(answer(rows)))
    except Exception as error:  # noqa: BLE001 - a model is code, which may raise anything
        raise ModelUnavailable(
            f"{manifest.file}, made with {made}, does not answer its golden rows under"
            f" {here}: {errors.told(error)}"
        ) from errors.cause(error)
    tolerances = {"relative": manifest.golden.relative, "absolute": manifest.golden.absolute}
    if not agree(told, manifest.golden.predictions, **tolerances):
        raise ModelUnavailable(
            f"{manifest.file}, made with {made}, answers its golden rows differently under"
            f" {here}: train it anew, or install the version it was made with"
        )
    if manifest.version != here:
        log.warning(
            "%s was made with %s and is served by %s; its golden rows agree",
            *(manifest.file, made, here),
        )


def agree(told: Any, expected: Any, *, relative: float, absolute: float) -> bool:
    """Labels alike, numbers within the tolerances, of the same shape; both as JSON has them."""
    if isinstance(expected, list) and isinstance(told, list):
        return len(told) == len(expected) and all(
            agree(one, other, relative=relative, absolute=absolute)
            for one, other in zip(told, expected, strict=True)
        )
    if isinstance(expected, float) and isinstance(told, float):
        return math.isclose(told, expected, rel_tol=relative, abs_tol=absolute)
    return type(told) is type(expected) and bool(told == expected)
