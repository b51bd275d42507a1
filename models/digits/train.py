"""Train the demo model: scikit-learn's handwritten digits, 64 pixels in, a digit out.

`python models/digits/train.py` writes model.joblib beside this file, and golden.csv with a few
images it never saw; `triscore describe models/digits --rows models/digits/golden.csv` then
describes it in triscore.json.
"""

from __future__ import annotations

from pathlib import Path

import joblib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

MODEL = Path(__file__).with_name("model.joblib")


GOLDEN = Path(__file__).with_name("golden.csv")
GOLDEN_ROWS = 10


def train() -> tuple[Pipeline, float, np.ndarray]:
    """The fitted pipeline, its accuracy on the quarter it never saw, and a few images of that."""
    seen, unseen, seen_digits, unseen_digits = train_test_split(
        *load_digits(return_X_y=True), random_state=0
    )
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    pipeline.fit(seen, seen_digits)
    return pipeline, pipeline.score(unseen, unseen_digits), unseen[:GOLDEN_ROWS]


def main() -> None:
    pipeline, accuracy, golden = train()
    np.savetxt(GOLDEN, golden, fmt="%g", delimiter=",")
    # A host that starts now must not read half a file.
    part = MODEL.with_suffix(".part")
    joblib.dump(pipeline, part)
    part.replace(MODEL)
    print(f"{MODEL.name}: accuracy {accuracy:.3f}")  # noqa: T201


if __name__ == "__main__":
    main()
