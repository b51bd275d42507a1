"""Golden rows: a model must answer them as it did where it was made."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson

from inference.codecs import json_codec
from inference.errors import ModelUnavailable
from inference.manifests import Manifest
from inference.rows import Array

log = logging.getLogger(__name__)

#: Another machine's arithmetic may differ in the last digits; more than this is another model.
RELATIVE_TOLERANCE = 1e-6
ABSOLUTE_TOLERANCE = 1e-9


def check(manifest: Manifest, answer: Callable[[Array], object]) -> None:
    """Raises ModelUnavailable where the answers differ.

    Warns of another version of the framework whose answers agree.
    """
    import sklearn  # noqa: PLC0415 - loaded with the model, not before

    other = manifest.version != sklearn.__version__
    made = f"{manifest.framework} {manifest.version}"
    try:
        told = orjson.loads(json_codec.dumps(answer(np.array(manifest.golden.rows))))
    except Exception as error:
        raise ModelUnavailable(
            f"{manifest.file}, made with {made}, does not answer its golden rows under"
            f" {sklearn.__version__}: {type(error).__name__}: {error}"
        ) from error
    if not equal(told, manifest.golden.predictions):
        raise ModelUnavailable(
            f"{manifest.file}, made with {made}, answers its golden rows differently under"
            f" {sklearn.__version__}: train it anew, or install the version it was made with"
        )
    if other:
        log.warning(
            "%s was made with %s and is served by %s; its golden rows agree",
            *(manifest.file, made, sklearn.__version__),
        )


def equal(one: Any, other: Any) -> bool:
    """Labels alike, numbers within the tolerances, of the same shape."""
    try:
        left, right = np.array(one), np.array(other)
    except ValueError:  # ragged
        return bool(one == other)
    if left.shape != right.shape:
        return False
    if left.dtype.kind == right.dtype.kind == "f":
        return np.allclose(
            left, right, rtol=RELATIVE_TOLERANCE, atol=ABSOLUTE_TOLERANCE, equal_nan=True
        )
    return bool((left == right).all())
