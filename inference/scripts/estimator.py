"""The built-in script: rows in, the estimator's answer to them out."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np

from inference import codecs, golden, manifests, models
from inference.codecs import json_codec
from inference.errors import ModelUnavailable
from inference.request import Request
from inference.rows import Array
from inference.scripts import company
from inference.scripts.answers import by_row
from inference.scripts.array_rows import CELLS, ArrayRows
from inference.scripts.encoding import by_row_as_json
from inference.scripts.guard import guard
from inference.scripts.inputs import maker
from inference.scripts.question import Question, RowQuestion
from inference.scripts.verdict import judged
from inference.settings import InferenceSettings
from inference.signature import Signature

#: Goes into every key of the built-in script: a new number where its answers change.
BUILT_IN = b"built-in script 2"


def asking(answer: Callable[[Any], Any], signature: Signature) -> Callable[[Array], Any]:
    """An estimator's method from rows, shape (rows, features), to one answer a row."""
    made = maker(signature)
    return lambda values: by_row(answer(made(values)), len(values))


class EstimatorScript:
    """Serves any estimator by the method that its manifest names, else `predict`."""

    digest = hashlib.sha256(BUILT_IN).digest()
    reads_rows = True

    def __init__(self, settings: InferenceSettings) -> None:
        folder = settings.model_dir
        self._manifest = manifests.read(folder)
        self._file = models.find(folder, self._manifest)
        self._max_rows = settings.max_rows
        self.method = self._manifest.method if self._manifest else "predict"
        self.model = models.require_pinned(
            self._file, self._manifest, allow_unpinned=settings.allow_unpinned_model
        )
        features = self._manifest.features if self._manifest else manifests.Features()
        self.signature = models.described(features)
        # Until the model is loaded, its manifest's word on it finds what was stored before.
        self.asks_unloaded = features.missing is not None
        self._independent = self._manifest is not None and self._manifest.independent
        # Another version of the framework may answer otherwise in the last digits.
        self.parameters = f"scikit-learn {version('scikit-learn')} {self.signature!r}"
        self._answer: Callable[[Array], Any]

    @property
    def manifest(self) -> manifests.Manifest | None:
        """The model's description, where it has one."""
        return self._manifest

    def load(self) -> None:
        estimator = models.load(self._file)
        answer: Callable[[object], object] | None = getattr(estimator, self.method, None)
        if answer is None:
            raise ModelUnavailable(f"{self._file.name} has no {self.method}(): is it an estimator?")
        features = self._manifest.features if self._manifest else manifests.Features()
        signature = models.signature(estimator, features)
        self._answer = asking(answer, signature)
        # A model trained on a DataFrame warns at every array; its columns are put in order before.
        warnings.filterwarnings("ignore", "X does not have valid feature names", UserWarning)
        # The first prediction pays for lazy imports: not a caller's.
        rows = self._golden_rows(signature)
        if self._manifest is not None and len(rows):
            golden.check(self._manifest, rows, self._answer, version=models.framework_version())
        self._independent = company.is_no_matter(self._answer, rows)
        self.signature = signature

    def question(self, request: Request) -> Question | RowQuestion:
        rows = codecs.decode(
            request.body, request.content_type, self.signature, max_rows=self._max_rows
        )
        return self.ask(rows.all_fit())

    def ask(self, values: Array) -> Question | RowQuestion:
        """The question that rows are, shape (rows, features)."""
        rows = ArrayRows(values)
        if self._independent:
            return rows
        data = b"\n".join(rows.row_bytes()) if rows.dtype == CELLS else values.data.cast("B")
        return Question(values, memoryview(data), rows.dtype, values.shape)

    def run(self, question: Question) -> bytes:
        return json_codec.dumps(self._judged(question.payload))

    def run_rows(self, question: ArrayRows) -> list[bytes]:
        return by_row_as_json(self._judged(question.values))

    def _judged(self, values: Array) -> Any:
        return guard(lambda: judged(lambda: self._answer(values)))

    def _golden_rows(self, signature: Signature) -> Array:
        """The manifest's, else a row of zeros, which need not be one that the model takes."""
        if self._manifest is not None and self._manifest.golden.rows:
            return golden.rows_of(self._manifest, signature)
        count = signature.features if signature.kind == "array" else None
        return np.zeros((1 if count else 0, count or 0))
