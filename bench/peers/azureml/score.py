"""An entry script as in Azure ML's documentation, with orjson for the body."""

import os
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import orjson

model: Any = None


def init() -> None:
    global model  # noqa: PLW0603 - how entry scripts keep their model
    model = joblib.load(Path(os.environ["AZUREML_MODEL_DIR"]) / "model.joblib")


def run(raw_data: str) -> list[Any]:
    rows = np.asarray(orjson.loads(raw_data)["data"], dtype=np.float64)
    answers: list[Any] = model.predict(rows).tolist()
    return answers
