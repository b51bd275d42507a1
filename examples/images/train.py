"""The model behind score.py beside it: a digit in an image of 8 x 8 pixels.

`python examples/images/train.py` writes digits.joblib and seven.png beside this file.
"""

from __future__ import annotations

from pathlib import Path

import joblib
import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier

HERE = Path(__file__).resolve().parent


def main() -> None:
    pixels, digits = load_digits(return_X_y=True)
    model = ExtraTreesClassifier(100, random_state=0).fit(pixels, digits)
    joblib.dump(model, HERE / "digits.joblib")
    seven = pixels[digits == 7][0].reshape(8, 8)
    Image.fromarray((seven * 255 / 16).astype(np.uint8)).save(HERE / "seven.png")
    print(f"images: {model.n_estimators} trees")


if __name__ == "__main__":
    main()
