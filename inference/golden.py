"""Golden rows: a model must answer them as it did where it was made."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson

from inference import fitting
from inference.codecs import json_codec
from inference.errors import CallerError, ModelUnavailable
from inference.manifests import Golden, Manifest
from inference.rows import Array
from inference.signature import Signature

log = logging.getLogger(__name__)


def rows_of(manifest: Manifest, signature: Signature) -> Array:
    """The golden rows as the model takes them, shape (rows, features). Raises ModelUnavailable."""
    try:
        return fitting.fit(manifest.golden.rows, signature, text=False).all_fit()
    except CallerError as error:
        raise ModelUnavailable(
            f"{manifest.file} does not answer its golden rows: {error}; describe it anew with"
            " `python -m deploy manifest`"
        ) from error


def check(
    manifest: Manifest, rows: Array, answer: Callable[[Array], object], *, version: str
) -> None:
    """Raises ModelUnavailable where the answers to the golden rows differ.

    Warns of another version of the framework whose answers agree.
    """
    made, here = f"{manifest.framework} {manifest.version}", version
    try:
        told = orjson.loads(json_codec.dumps(answer(rows)))
    except Exception as error:
        raise ModelUnavailable(
            f"{manifest.file}, made with {made}, does not answer its golden rows under"
            f" {here}: {type(error).__name__}: {error}"
        ) from error
    if not equal(told, manifest.golden):
        raise ModelUnavailable(
            f"{manifest.file}, made with {made}, answers its golden rows differently under"
            f" {here}: train it anew, or install the version it was made with"
        )
    if manifest.version != here:
        log.warning(
            "%s was made with %s and is served by %s; its golden rows agree",
            *(manifest.file, made, here),
        )


def equal(told: Any, golden: Golden) -> bool:
    """Labels alike, numbers within the tolerances, of the same shape."""
    try:
        left, right = np.array(told), np.array(golden.predictions)
    except ValueError:  # ragged
        return bool(told == golden.predictions)
    if left.shape != right.shape:
        return False
    if left.dtype.kind == right.dtype.kind == "f":
        return np.allclose(left, right, rtol=golden.relative, atol=golden.absolute, equal_nan=True)
    return bool((left == right).all())
