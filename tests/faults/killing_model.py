"""A model that ends its process at one value, as a fault in native code does."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import joblib
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from deploy import manifest
from inference.models import manifest_file

POISON = 666.0


def kill(rows: np.ndarray) -> np.ndarray:
    """A step of the model."""
    if (rows == POISON).any():
        os.kill(os.getpid(), signal.SIGKILL)
    return rows


def save(folder: Path) -> None:
    """Replace the model in a folder: 1 if the sum of three features is above 1.5, else 0."""
    rows = np.random.default_rng(0).random((200, 3))
    model = make_pipeline(FunctionTransformer(kill), LogisticRegression(C=1000))
    model.fit(rows, (rows.sum(axis=1) > 1.5).astype(int))
    joblib.dump(model, folder / "model.joblib")
    (folder / manifest_file.NAME).unlink(missing_ok=True)
    manifest_file.write(folder, manifest.describe(folder))
