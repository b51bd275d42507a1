"""The models: every server of a comparison loads the same file.

Handwritten digits, 64 pixels with two decimals of noise: one row costs the regression some 80 us
and the forest of 100 trees some 3 ms, which are the two ends of what a cache is asked to help.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
import sklearn
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from bench import environments
from bench.places import ROOT, WORK

Rows = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

#: How many golden rows a manifest has.
GOLDEN_ROWS = 10


def _regression() -> Any:
    return LogisticRegression(C=0.01, max_iter=5000)


def _forest() -> Any:
    return RandomForestClassifier(n_estimators=100, random_state=0)


TRAINERS: dict[str, Callable[[], Any]] = {"logreg": _regression, "forest": _forest}
LABELS = {"logreg": "logistic regression", "forest": "forest of 100 trees"}


@dataclass(frozen=True, slots=True)
class Model:
    """A trained model in a folder that the app can serve."""

    name: str
    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "model.joblib"

    def estimator(self) -> Any:
        return joblib.load(self.file)


def rows(count: int, seed: int) -> Rows:
    """Digits with noise. The first pixel, which is empty in every digit, is left for a number."""
    generator = np.random.default_rng(seed)
    images: Rows = load_digits(return_X_y=True)[0]
    drawn = images[generator.integers(len(images), size=count)]
    noisy: Rows = (drawn + generator.random(drawn.shape)).round(2)
    noisy[:, 0] = 0.0
    return noisy


def integer_rows(count: int, seed: int) -> Integers:
    """Digits with noise of whole numbers: 64 columns of 0 to 19."""
    generator = np.random.default_rng(seed)
    images = load_digits(return_X_y=True)[0].astype(np.int64)
    drawn: Integers = images[generator.integers(len(images), size=count)]
    return drawn + generator.integers(4, size=drawn.shape)


def bring(name: str) -> Model:
    """The model with its manifest, trained now if it was not before. Raises BenchError."""

    def train() -> Any:
        images, digits = load_digits(return_X_y=True)
        noise = np.random.default_rng(0).random(images.shape)
        noisy = (images + noise).round(2)
        noisy[:, 0] = 0.0
        return TRAINERS[name]().fit(noisy, digits)

    return _bring(Model(name, WORK / "models" / name), train, rows)


def bring_integers() -> Model:
    """A regression trained on whole numbers. Raises BenchError."""

    def train() -> Any:
        images, digits = load_digits(return_X_y=True)
        return _regression().fit(images.astype(np.int64), digits)

    return _bring(Model("integers", WORK / "models" / "integers"), train, integer_rows)


def _bring(model: Model, train: Callable[[], Any], draw: Callable[[int, int], Any]) -> Model:
    if _trained_with(model.folder) != sklearn.__version__:
        part = model.folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        joblib.dump(train(), part / "model.joblib")
        np.savetxt(part / "golden.csv", draw(GOLDEN_ROWS, 1), fmt="%g", delimiter=",")
        shutil.rmtree(model.folder, ignore_errors=True)
        part.rename(model.folder)
    _triscore("describe", str(model.folder), "--rows", str(model.folder / "golden.csv"))
    return model


def accelerated(model: Model) -> Model:
    """The same model with ONNX in its manifest. Raises BenchError if it cannot be converted."""
    twin = Model(f"{model.name}-onnx", model.folder.with_name(f"{model.name}-onnx"))
    shutil.rmtree(twin.folder, ignore_errors=True)
    shutil.copytree(model.folder, twin.folder)
    _triscore("accelerate", str(twin.folder))
    return twin


def _triscore(*arguments: str) -> None:
    command = [sys.executable, "-m", "cli", *arguments]
    environments.run(command, f"triscore {arguments[0]}", {"PYTHONPATH": str(ROOT)})


def _trained_with(folder: Path) -> str:
    try:
        version: str = json.loads((folder / "triscore.json").read_text())["version"]
    except (OSError, ValueError, KeyError):
        return ""
    return version
