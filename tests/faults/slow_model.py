"""A model that takes milliseconds for each row, in a batch too."""

from __future__ import annotations

from pathlib import Path

import joblib
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from deploy import manifest
from inference.models import manifest_file

_NUMBERS = np.random.default_rng(0).random(1_200_000)


def work(rows: np.ndarray) -> np.ndarray:
    """Spend some milliseconds on each row, without the interpreter's lock, like most models."""
    for _ in rows:
        np.sort(_NUMBERS)
    return rows


def save(parent: Path) -> Path:
    """A folder with the model: the small model, behind `work`."""
    folder = parent / "slow"
    folder.mkdir()
    rows = np.random.default_rng(0).random((200, 3))
    model = make_pipeline(FunctionTransformer(work), LogisticRegression(C=1000))
    model.named_steps["logisticregression"].fit(rows, rows.sum(axis=1) > 1.5)
    model.fit(rows[:20], (rows[:20].sum(axis=1) > 1.5).astype(int))
    joblib.dump(model, folder / "model.joblib")
    manifest_file.write(folder, manifest.describe(folder))
    return folder
