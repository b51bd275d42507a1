"""The built-in script: reads rows from a request and answers them with an estimator."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from inference import models
from inference.errors import UnfitInput
from inference.models import (
    blas_threads,
    garbage_collector,
    golden_rows,
    local_modules,
    manifest_file,
    manifests,
    package_versions,
)
from inference.models.answers import encode_by_row, encode_pairs
from inference.models.verified_model import Probabilities
from inference.output_choice import PREDICTIONS, PROBABILITIES, Output, output_of
from inference.request import Request
from inference.rows import body_memory, formats
from inference.rows.body_memory import Extent
from inference.rows.formats import json_codec
from inference.rows.row_types import Values
from inference.rows.schema import Schema
from inference.rows.typed_rows import TypedRows
from inference.script_errors import ScriptErrors
from inference.scripts import batch_invariance
from inference.scripts.array_rows import ArrayRows, MixedRows, row_question
from inference.scripts.input_errors import call_estimator
from inference.scripts.question import Question, RowQuestion
from inference.settings import InferenceSettings

#: Part of every cache key of the built-in script. Raise the number when its answers change.
BUILT_IN = b"built-in script 2"
#: The distribution that computes the answers, by the framework, for manifests that list none.
RUNTIMES = {"onnx": "onnxruntime"}


class EstimatorScript:
    """Serves any estimator with the method that its manifest names, or with `predict`."""

    reads_rows = True

    def __init__(self, settings: InferenceSettings) -> None:
        folder = settings.model_dir
        described = manifest_file.read(folder)
        self._manifest = described and described.effective()
        self._file = models.find_file(folder, self._manifest)
        modules = local_modules.digest_beside(self._file)
        self.digest = hashlib.sha256(BUILT_IN + modules).digest()
        self._limits = settings.limits
        self._errors = ScriptErrors(shown=settings.show_script_errors)
        self.method = self._manifest.method if self._manifest else "predict"
        self.model = models.verify_digest(
            self._file, self._manifest, allow_unpinned=settings.allow_unpinned_model
        )
        known = self._manifest.features.schema() if self._manifest else None
        self.schema = known or Schema()
        # With the manifest's schema, cached rows are found before the model is loaded.
        self.parses_unloaded = known is not None
        self._independent = self._manifest is not None and self._manifest.independent
        self.parameters = f"{_runtime(self._manifest)} {self.schema.key_text}"
        self._answer: Callable[[Values], Any]
        self._probabilities: Probabilities | None = None
        self.library_only = False

    @property
    def manifest(self) -> manifests.Manifest | None:
        """The model's description; None for a model without one."""
        return self._manifest

    def load(self) -> None:
        with garbage_collector.paused():
            verified = models.load_verified(
                *(self._file, self._manifest, self._errors),
                max_dense_bytes=self._limits.body_bytes,
            )
            blas_threads.use_one_thread()
            # This also makes the first prediction here, which pays for lazy imports.
            rows = self._rows_to_try(verified.schema)
            self._independent = batch_invariance.is_batch_invariant(verified.answer, rows)
        self.schema, self._answer = verified.schema, verified.answer
        self._probabilities = verified.probabilities
        self.library_only = verified.library_only

    def memory_of(self, extent: Extent) -> int:
        return body_memory.memory_of(extent, self.schema, self._limits)

    def parse(self, request: Request) -> Question | RowQuestion:
        rows = formats.decode(request.body, request.content_type, self.schema, limits=self._limits)
        return self.question_of(rows.require_valid(), output_of(request.query))

    def question_of(self, values: Values, output: Output = PREDICTIONS) -> Question | RowQuestion:
        """A question for rows, shape (rows, features)."""
        rows = row_question(values, output)
        if self._independent:
            return rows
        if isinstance(values, TypedRows):
            data = memoryview(b"\n".join(values.row_bytes()))
        else:
            data = values.data.cast("B") if values.size else memoryview(b"")
        shape, count = values.shape, len(values)
        return Question(values, data, rows.dtype, shape, rows=count, output=output)

    def run(self, question: Question) -> bytes:
        if question.output == PROBABILITIES:
            return b"[" + b",".join(self._pairs(question.payload)) + b"]"
        return json_codec.dumps_rows(self._call(self._answer, question.payload))

    def run_rows(self, question: ArrayRows | MixedRows) -> list[bytes]:
        if question.output == PROBABILITIES:
            return self._pairs(question.values)
        return encode_by_row(self._call(self._answer, question.values))

    @property
    def classes(self) -> Sequence[Any]:
        """Of a classifier, in the order of its probabilities; none where they are unknown.

        With a manifest they are known before the model is loaded.
        """
        described = self._manifest.classes if self._manifest else None
        return described or (self._probabilities.classes if self._probabilities else ())

    def require_classes(self) -> Sequence[Any]:
        """As `classes`. Raises UnfitInput where the model gives no probabilities."""
        return self._known_probabilities().classes

    def _known_probabilities(self) -> Probabilities:
        if self._probabilities is None:
            raise _no_probabilities()
        return self._probabilities

    def _pairs(self, values: Values) -> list[bytes]:
        """Of each row its label and its probabilities. Raises UnfitInput where there are none."""
        known = self._known_probabilities()
        labels = self._call(known.labels, values)
        probabilities = self._call(known.probabilities, values)
        if not known.are_of_each_class(probabilities):  # without golden rows, found only here
            raise _no_probabilities()
        return encode_pairs(labels, probabilities)

    def _call(self, answer: Callable[[Values], Any], values: Values) -> Any:
        return self._errors.guard(lambda: call_estimator(lambda: answer(values), self._errors))

    def _rows_to_try(self, schema: Schema) -> Values:
        """The golden rows. Without any, a row of zeros, which the model need not accept."""
        if self._manifest is not None and self._manifest.golden.rows:
            return golden_rows.read_rows(self._manifest, schema)
        count = schema.features if schema.kind == "array" else None
        return np.zeros((1 if count else 0, count or 0))


def _no_probabilities() -> UnfitInput:
    expected = "predictions, since the model gives no probabilities"
    return UnfitInput(field="output", expected=expected, got=PROBABILITIES)


def _runtime(manifest: manifests.Manifest | None) -> str:
    """The distributions that compute the answers, with their versions: these decide the last
    digits. Imports none of them.
    """
    names = sorted(manifest.versions) if manifest else []
    names = names or [RUNTIMES.get(manifest.framework if manifest else "", "scikit-learn")]
    return " ".join(f"{name} {package_versions.installed_version(name)}" for name in names)
