"""A BentoML service with adaptive batching, as its documentation shows."""

import os

import bentoml
import joblib
import numpy as np


@bentoml.service(
    workers=int(os.environ["WORKERS"]),
    logging={"access": {"enabled": False}},
    traffic={"timeout": 60},
)
class Scorer:
    def __init__(self) -> None:
        self.model = joblib.load(os.environ["MODEL_FILE"])

    @bentoml.api(batchable=True, max_batch_size=100, max_latency_ms=1000)
    def predict(self, data: np.ndarray) -> np.ndarray:
        answers: np.ndarray = self.model.predict(data)
        return answers
