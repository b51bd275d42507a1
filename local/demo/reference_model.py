"""The model, loaded directly: provides rows to score and checks the answers."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float64]


class ReferenceModel:
    """A copy of the served model, called without the app."""

    def __init__(self, folder: Path) -> None:
        """Raises FileNotFoundError without golden rows in a manifest, or with an entry script."""
        import joblib  # noqa: PLC0415 - imports scikit-learn, after the servers have been started

        manifest = json.loads((folder / "triscore.json").read_text())
        self._golden: list[list[float]] = manifest["golden"]["rows"]
        if not self._golden or (folder / "score.py").exists():
            raise FileNotFoundError(folder)
        file = folder / manifest["file"]
        sys.path.append(str(file.parent))  # the app imports modules from there, too
        self._answer = getattr(joblib.load(file), manifest["method"])
        self._is_digits = folder.name == "digits"

    def rows(self, count: int) -> Rows:
        """For the demo model, rows that are in no cache; for another, its golden rows, repeated."""
        return (
            _noisy_digits(count) if self._is_digits else np.resize(self._golden, self._shape(count))
        )

    def example(self) -> list[float]:
        return self._golden[0]

    def agrees(self, rows: Rows, answer: list[Any]) -> bool:
        """Whether the model predicts the same; floats may differ in their last digits."""
        direct = np.asarray(self._answer(rows))
        answered = np.asarray(answer)
        if direct.shape != answered.shape:
            return False
        if direct.dtype.kind == "f":
            return np.allclose(direct, answered, rtol=1e-9, atol=0)
        return bool((direct == answered).all())

    def _shape(self, count: int) -> tuple[int, int]:
        return count, len(self._golden[0])


def _noisy_digits(count: int) -> Rows:
    """Digits with a little noise, rounded to two decimals to be readable."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 - as above

    images: Rows = load_digits(return_X_y=True)[0][:count]
    return (images + np.random.default_rng().random(images.shape)).round(2)
