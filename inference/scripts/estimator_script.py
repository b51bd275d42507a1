"""The built-in script: rows in, the estimator's answer to them out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from inference import models
from inference.models import garbage_collector, golden_rows, manifests
from inference.models.answers import encode_by_row
from inference.request import Request
from inference.rows import codecs
from inference.rows.body_budget import MEMORY_A_BYTE, MEMORY_A_TYPED_BYTE
from inference.rows.codecs import json_codec
from inference.rows.row_types import Array
from inference.rows.schema import Schema
from inference.script_errors import ScriptErrors
from inference.scripts import batch_invariance
from inference.scripts.array_rows import CELLS, ArrayRows
from inference.scripts.input_errors import call_estimator
from inference.scripts.question import Question, RowQuestion
from inference.settings import InferenceSettings

#: Goes into every key of the built-in script: a new number where its answers change.
BUILT_IN = b"built-in script 2"
#: Whose version decides the last digits of an answer, by a manifest's framework.
RUNS_ON = {"scikit-learn": "scikit-learn", "onnx": "onnxruntime"}


class EstimatorScript:
    """Serves any estimator by the method that its manifest names, else `predict`."""

    digest = hashlib.sha256(BUILT_IN).digest()
    reads_rows = True

    def __init__(self, settings: InferenceSettings) -> None:
        folder = settings.model_dir
        described = manifests.read(folder)
        self._manifest = described and described.effective()
        self._file = models.find_file(folder, self._manifest)
        self._limits = settings.limits
        self._errors = ScriptErrors(shown=settings.show_script_errors)
        self.method = self._manifest.method if self._manifest else "predict"
        self.model = models.verify_digest(
            self._file, self._manifest, allow_unpinned=settings.allow_unpinned_model
        )
        known = self._manifest.features.schema() if self._manifest else None
        self.schema = known or Schema()
        # Until the model is loaded, its manifest's word on it finds what was stored before.
        self.asks_unloaded = known is not None
        self._independent = self._manifest is not None and self._manifest.independent
        # Another version of the framework may answer otherwise in the last digits.
        self.parameters = f"{_runtime(self._manifest)} {self.schema.key_text}"
        self._answer: Callable[[Array], Any]
        self.bounded = False

    @property
    def memory_a_byte(self) -> int:
        return MEMORY_A_BYTE if self.schema.kind == "array" else MEMORY_A_TYPED_BYTE

    @property
    def manifest(self) -> manifests.Manifest | None:
        """The model's description, where it has one."""
        return self._manifest

    def load(self) -> None:
        with garbage_collector.paused():
            served = models.load_verified(self._file, self._manifest, self._errors)
            # The first prediction pays for lazy imports: not a caller's.
            rows = self._golden_rows(served.schema)
            self._independent = batch_invariance.is_batch_invariant(served.answer, rows)
        self.schema, self._answer = served.schema, served.answer
        self.bounded = served.bounded

    def question(self, request: Request) -> Question | RowQuestion:
        rows = codecs.decode(request.body, request.content_type, self.schema, limits=self._limits)
        return self.ask(rows.require_valid())

    def ask(self, values: Array) -> Question | RowQuestion:
        """The question that rows are, shape (rows, features)."""
        rows = ArrayRows(values)
        if self._independent:
            return rows
        data = b"\n".join(rows.row_bytes()) if rows.dtype == CELLS else values.data.cast("B")
        return Question(values, memoryview(data), rows.dtype, values.shape, rows=len(values))

    def run(self, question: Question) -> bytes:
        return json_codec.dumps_rows(self._answers(question.payload))

    def run_rows(self, question: ArrayRows) -> list[bytes]:
        return encode_by_row(self._answers(question.values))

    def _answers(self, values: Array) -> Any:
        return self._errors.guard(
            lambda: call_estimator(lambda: self._answer(values), self._errors)
        )

    def _golden_rows(self, schema: Schema) -> Array:
        """The manifest's, else a row of zeros, which need not be one that the model takes."""
        if self._manifest is not None and self._manifest.golden.rows:
            return golden_rows.read_rows(self._manifest, schema)
        count = schema.features if schema.kind == "array" else None
        return np.zeros((1 if count else 0, count or 0))


def _runtime(manifest: manifests.Manifest | None) -> str:
    """What computes the answers, without importing it; where it is missing, loading says so."""
    package = RUNS_ON.get(manifest.framework if manifest else "", "scikit-learn")
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return package
