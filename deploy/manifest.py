"""Describes a model in a manifest, so that the app can tell the file from any other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import sklearn

from inference import codecs, manifests, media_types, models
from inference.codecs import json_codec
from inference.errors import ModelUnavailable
from inference.rows import Array, Signature

GOLDEN_ROWS = 5
MAX_GOLDEN_ROWS = 1_000


def describe(
    folder: Path, *, method: str = "predict", rows_file: Path | None = None
) -> manifests.Manifest:
    """A manifest of the one model in a folder, which is loaded: trust it first.

    Golden rows come from a file, else a few are drawn, the same each time. Raises ScoringError,
    OSError.
    """
    file = models.find(folder)
    estimator = models.load(file)
    if not callable(getattr(estimator, method, None)):
        raise ModelUnavailable(f"{file.name} is no estimator with {method}()")
    signature = models.signature(estimator)
    rows = _drawn(signature) if rows_file is None else _read(rows_file, signature)
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


def _drawn(signature: Signature) -> Array | None:
    if not signature.features:
        return None
    drawn: Array = np.random.default_rng(0).normal(size=(GOLDEN_ROWS, signature.features))
    return drawn.round(3)


def _read(file: Path, signature: Signature) -> Array:
    kind = {".csv": media_types.CSV, ".npy": media_types.NPY}.get(file.suffix, media_types.JSON)
    return codecs.decode(file.read_bytes(), kind, signature, max_rows=MAX_GOLDEN_ROWS).all_fit()


def _golden(estimator: Any, method: str, rows: Array | None) -> manifests.Golden:
    if rows is None:
        return manifests.Golden()
    try:
        answers = getattr(estimator, method)(rows)
    except Exception as error:
        raise ModelUnavailable(
            f"the model does not take these golden rows ({type(error).__name__}: {error}): give it"
            " some that it takes with --rows FILE"
        ) from error
    return manifests.Golden(rows.tolist(), _plain(answers) or ())


def _plain(values: Any) -> Sequence[Any] | None:
    """As JSON will have it."""
    plain: Sequence[Any] | None = orjson.loads(json_codec.dumps(values))
    return plain
