"""The built-in script: rows in, `estimator.predict` out."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import numpy as np

from inference import codecs, models
from inference.codecs import json_codec
from inference.errors import ModelUnavailable
from inference.request import Request
from inference.rows import Array, Signature
from inference.scripts.guard import guard
from inference.scripts.question import Question

#: Goes into every key of the built-in script: a new number where its answers change.
BUILT_IN = b"built-in script 1"


class EstimatorScript:
    """Serves any estimator with `predict`."""

    method = "predict"
    digest = hashlib.sha256(BUILT_IN).digest()
    reads_rows = True

    def __init__(self, folder: Path, *, max_rows: int) -> None:
        self._file = models.find(folder)
        self._max_rows = max_rows
        self.model = models.digest(self._file)
        self.signature = Signature()

    def load(self) -> None:
        self._estimator = models.load(self._file)
        if not hasattr(self._estimator, self.method):
            raise ModelUnavailable(f"{self._file.name} holds no estimator: it has no predict()")
        self.signature = models.signature(self._estimator)
        # A model trained on a DataFrame warns at every array; its columns are put in order before.
        warnings.filterwarnings("ignore", "X does not have valid feature names", UserWarning)
        if self.signature.features:  # the first prediction pays for lazy imports: not a caller's
            self.run(self.ask(np.zeros((1, self.signature.features))))

    def question(self, request: Request) -> Question:
        rows = codecs.decode(
            request.body, request.content_type, self.signature, max_rows=self._max_rows
        )
        return self.ask(rows.all_fit())

    def ask(self, values: Array) -> Question:
        """The question that rows of numbers are, shape (rows, features)."""
        return Question(values, values.data.cast("B"), values.dtype.str, values.shape)

    def run(self, question: Question) -> bytes:
        return json_codec.dumps(guard(lambda: self._estimator.predict(question.payload)))
