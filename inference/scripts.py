"""Entry scripts: what turns a request into a question, and a question into an answer.

The built-in one serves any estimator. A user's own has `init()` and `run(data)`, as in Azure ML;
`run` gets the body as one string, whatever its parameter is called.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Protocol

import numpy as np

from inference import codecs, frames, golden, manifests, models
from inference.codecs import json_codec
from inference.errors import MalformedInput, ModelUnavailable, ScoringError, ScriptFailed
from inference.request import Request
from inference.rows import Array, Signature
from inference.settings import InferenceSettings

log = logging.getLogger(__name__)

#: Goes into every key of the built-in script: a new number where its answers change.
BUILT_IN = b"built-in script 1"
#: Of a script's own error text, this much reaches the caller.
MAX_ERROR_TEXT = 500


@dataclass(frozen=True, slots=True)
class Question:
    """All that decides a prediction, next to the model and the script."""

    payload: Array | str
    #: The payload's own bytes, not a copy.
    data: memoryview
    dtype: str
    shape: tuple[int, ...]


class Script(Protocol):
    """What the scorer asks of an entry script. All but `load` need it loaded."""

    model: bytes
    digest: bytes
    method: str

    def load(self) -> None:
        """Slow, once, in the model's thread. Raises ModelUnavailable."""
        ...

    def question(self, request: Request) -> Question:
        """Raises CallerError."""
        ...

    def run(self, question: Question) -> bytes:
        """The answer as JSON. Slow, in the model's thread. Raises OperatorError."""
        ...


class EstimatorScript:
    """The built-in script: rows in, the estimator's answer to them out."""

    digest = hashlib.sha256(BUILT_IN).digest()

    def __init__(self, settings: InferenceSettings) -> None:
        folder = settings.model_dir
        self._manifest = manifests.read(folder)
        self._file = models.find(folder, self._manifest)
        self._max_rows = settings.max_rows
        self.method = self._manifest.method if self._manifest else "predict"
        self.model = models.require_pinned(
            self._file, self._manifest, allow_unpinned=settings.allow_unpinned_model
        )
        self.signature = Signature()

    def load(self) -> None:
        estimator = models.load(self._file)
        self._answer: Callable[[Array], object] | None = getattr(estimator, self.method, None)
        if self._answer is None:
            raise ModelUnavailable(f"{self._file.name} has no {self.method}(): is it an estimator?")
        self.signature = models.signature(estimator)
        # A model trained on a DataFrame warns at every array; its columns are put in order before.
        warnings.filterwarnings("ignore", "X does not have valid feature names", UserWarning)
        # The first prediction pays for lazy imports: not a caller's.
        if self._manifest is not None and self._manifest.golden.rows:
            golden.check(self._manifest, self._answer)
        elif self.signature.features:
            self._warm_up(self.signature.features)

    def _warm_up(self, features: int) -> None:
        try:
            self.run(self.ask(np.zeros((1, features))))
        except ScriptFailed as error:  # a row of zeros need not be one that the model takes
            log.info("no warm-up: %s", error)

    def question(self, request: Request) -> Question:
        rows = codecs.decode(
            request.body, request.content_type, self.signature, max_rows=self._max_rows
        )
        return self.ask(rows.all_fit())

    def ask(self, values: Array) -> Question:
        """The question that rows of numbers are, shape (rows, features)."""
        return Question(values, values.data.cast("B"), values.dtype.str, values.shape)

    def run(self, question: Question) -> bytes:
        return json_codec.dumps(_guard(lambda: self._answer(question.payload)))  # type: ignore[misc,arg-type]


class UserScript:
    """A user's `init()` and `run(data)`."""

    method = "run"

    def __init__(self, file: Path, folder: Path) -> None:
        self._file = file
        self.digest = models.digest(file)
        self.model = models.digest(folder)

    def load(self) -> None:
        try:
            module = _guard(lambda: _import(self._file))
            self._run: Callable[[str], object] = module.run
            _guard(module.init)
        except ScriptFailed as error:
            raise ModelUnavailable(f"{self._file.name} did not start: {error}") from error
        except AttributeError as error:
            raise ModelUnavailable(f"{self._file.name} needs init() and run(data)") from error

    def question(self, request: Request) -> Question:
        try:
            text = request.body.decode()
        except UnicodeDecodeError as error:
            raise MalformedInput("the script takes text, and the body is not UTF-8") from error
        return Question(text, memoryview(request.body), "text", (len(request.body),))

    def run(self, question: Question) -> bytes:
        return json_codec.dumps(_guard(lambda: self._run(question.payload)))  # type: ignore[arg-type]


def build(settings: InferenceSettings) -> Script:
    """The script that the settings name. Raises ModelUnavailable."""
    if settings.entry_script is None:
        return EstimatorScript(settings)
    return UserScript(settings.entry_script, settings.model_dir)


def _guard[T](call: Callable[[], T]) -> T:
    """What a model or a script raises becomes ScriptFailed; the log says where, not with what."""
    try:
        return call()
    except ScoringError:
        raise
    except BaseException as error:
        log.error("the script raised %s at %s", type(error).__name__, frames.where(error))
        text = str(error)[:MAX_ERROR_TEXT]
        raise ScriptFailed(
            f"{type(error).__name__}: {text}" if text else type(error).__name__
        ) from error


def _import(file: Path) -> ModuleType:
    """A script as a module of its own; it may import what lies beside it."""
    spec = importlib.util.spec_from_file_location("entry_script", file)
    if spec is None or spec.loader is None:
        raise ModelUnavailable(f"{file.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.append(str(file.parent))
    spec.loader.exec_module(module)
    return module
