"""A model whose every row costs real work: what is slow about it does not go away in batches."""

from __future__ import annotations

from pathlib import Path

import joblib
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from deploy import manifest
from inference.models import manifests

_NUMBERS = np.random.default_rng(0).random(1_200_000)


def labour(rows: np.ndarray) -> np.ndarray:
    """Some milliseconds for each row, without the interpreter's lock, as most models work."""
    for _ in rows:
        np.sort(_NUMBERS)
    return rows


def save(parent: Path) -> Path:
    """A folder with it: the small model, behind the labour."""
    folder = parent / "laboured"
    folder.mkdir()
    rows = np.random.default_rng(0).random((200, 3))
    model = make_pipeline(FunctionTransformer(labour), LogisticRegression(C=1000))
    model.named_steps["logisticregression"].fit(rows, rows.sum(axis=1) > 1.5)
    model.fit(rows[:20], (rows[:20].sum(axis=1) > 1.5).astype(int))
    joblib.dump(model, folder / "model.joblib")
    manifests.write(folder, manifest.describe(folder))
    return folder
