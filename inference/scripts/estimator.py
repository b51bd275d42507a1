"""The built-in script: rows in, the estimator's answer to them out."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable

import numpy as np

from inference import cells, codecs, manifests, models
from inference.codecs import json_codec
from inference.errors import ScriptFailed
from inference.request import Request
from inference.rows import Array
from inference.scripts.guard import guard
from inference.scripts.question import Question
from inference.settings import InferenceSettings
from inference.signature import Signature

log = logging.getLogger(__name__)

#: Goes into every key of the built-in script: a new number where its answers change.
BUILT_IN = b"built-in script 2"
#: Stands in keys where a NumPy dtype stands for numbers.
CELLS = "cells"


class EstimatorScript:
    """Serves any estimator by the method that its manifest names, else `predict`."""

    digest = hashlib.sha256(BUILT_IN).digest()
    reads_rows = True

    def __init__(self, settings: InferenceSettings) -> None:
        folder = settings.model_dir
        described = manifests.read(folder)
        self._manifest = described and described.served()
        self._file = models.find(folder, self._manifest)
        self._max_rows = settings.max_rows
        self.method = self._manifest.method if self._manifest else "predict"
        self.model = models.require_pinned(
            self._file, self._manifest, allow_unpinned=settings.allow_unpinned_model
        )
        self.signature = Signature()
        self._answer: Callable[[Array], object]

    def load(self) -> None:
        served = models.serve(self._file, self._manifest)
        self.signature, self._answer = served.signature, served.answer
        # The first prediction pays for lazy imports: not a caller's.
        proven = self._manifest is not None and self._manifest.golden.rows
        if not proven and self.signature.kind == "array" and self.signature.features:
            self._warm_up(self.signature.features)

    def question(self, request: Request) -> Question:
        rows = codecs.decode(
            request.body, request.content_type, self.signature, max_rows=self._max_rows
        )
        return self.ask(rows.all_fit())

    def ask(self, values: Array) -> Question:
        """The question that rows are, shape (rows, features)."""
        if values.dtype.hasobject:
            data = memoryview(b"\n".join(cells.row_bytes(values)))
            return Question(values, data, CELLS, values.shape)
        return Question(values, values.data.cast("B"), values.dtype.str, values.shape)

    def run(self, question: Question) -> bytes:
        return json_codec.dumps(guard(lambda: self._answer(question.payload)))

    def _warm_up(self, features: int) -> None:
        try:
            self.run(self.ask(np.zeros((1, features))))
        except ScriptFailed as error:  # a row of zeros need not be one that the model takes
            log.info("no warm-up: %s", error)
