"""Describes a model in a manifest, so that the app can tell the file from any other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import sklearn

from inference import manifests, models
from inference.codecs import json_codec
from inference.errors import ModelUnavailable

GOLDEN_ROWS = 5


def describe(
    folder: Path, *, method: str = "predict", rows: npt.NDArray[np.float64] | None = None
) -> manifests.Manifest:
    """A manifest of the one model in a folder, which is loaded: trust it first.

    `rows` are golden rows of shape (n, features); without them a few are drawn, the same each
    time. Raises ModelUnavailable, and what the estimator raises at its golden rows.
    """
    file = models.find(folder)
    estimator = models.load(file)
    if not callable(getattr(estimator, method, None)):
        raise ModelUnavailable(f"{file.name} is no estimator with {method}()")
    signature = models.signature(estimator)
    if rows is None and signature.features:
        rows = np.random.default_rng(0).normal(size=(GOLDEN_ROWS, signature.features)).round(3)
    return manifests.Manifest(
        file=file.name,
        sha256=models.digest(file).hex(),
        framework="scikit-learn",
        version=sklearn.__version__,
        method=method,
        features=manifests.Features(signature.features, signature.names),
        classes=_plain(getattr(estimator, "classes_", None)),
        golden=_golden(estimator, method, rows),
    )


def _golden(estimator: Any, method: str, rows: npt.NDArray[np.float64] | None) -> manifests.Golden:
    if rows is None:
        return manifests.Golden()
    return manifests.Golden(rows.tolist(), _plain(getattr(estimator, method)(rows)) or ())


def _plain(values: Any) -> Sequence[Any] | None:
    """As JSON will have it."""
    plain: Sequence[Any] | None = orjson.loads(json_codec.dumps(values))
    return plain
