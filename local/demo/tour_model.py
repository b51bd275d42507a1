"""What the tour scores: rows that the model takes, and the model's own word on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float64]


class ReferenceModel:
    """A model that is loaded here once more, and called directly."""

    def __init__(self, folder: Path) -> None:
        """Raises FileNotFoundError where no manifest with golden rows says what the model takes."""
        import joblib  # noqa: PLC0415 - brings scikit-learn: after the servers are on their way

        manifest = json.loads((folder / "model.json").read_text())
        self._golden: list[list[float]] = manifest["golden"]["rows"]
        if not self._golden or (folder / "score.py").exists():
            raise FileNotFoundError(folder)
        self._answer = getattr(joblib.load(folder / manifest["file"]), manifest["method"])
        self._is_digits = folder.name == "digits"

    def rows(self, count: int) -> Rows:
        """Rows of the demo model that no cache has seen; another model's golden rows, repeated."""
        return (
            _noisy_digits(count) if self._is_digits else np.resize(self._golden, self._shape(count))
        )

    def example(self) -> list[float]:
        return self._golden[0]

    def agrees(self, rows: Rows, answer: list[Any]) -> bool:
        """Whether the model says the same directly, but for a float's last digits."""
        direct = np.asarray(self._answer(rows))
        told = np.asarray(answer)
        if direct.shape != told.shape:
            return False
        if direct.dtype.kind == "f":
            return np.allclose(direct, told, rtol=1e-9, atol=0)
        return bool((direct == told).all())

    def _shape(self, count: int) -> tuple[int, int]:
        return count, len(self._golden[0])


def _noisy_digits(count: int) -> Rows:
    """Digits with a little noise; two decimals, to be easily read."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 - as above

    images: Rows = load_digits(return_X_y=True)[0][:count]
    return (images + np.random.default_rng().random(images.shape)).round(2)
