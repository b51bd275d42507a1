"""A user's entry script: its `init()` and `run(…)`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from inference import models
from inference.errors import ModelUnavailable, ScriptFailed
from inference.models import garbage_collector
from inference.request import Request
from inference.rows.body_memory import MEMORY_PER_BYTE, Extent
from inference.rows.formats import json_codec
from inference.script_errors import ScriptErrors
from inference.scripts import (
    data_files,
    entry_script,
    independent_rows,
    run_signature,
    script_digest,
    script_response,
)
from inference.scripts.aml import aliases
from inference.scripts.coroutine_runner import CoroutineRunner
from inference.scripts.independent_rows import ScriptRows
from inference.scripts.inference_schema import DeclaredSchema
from inference.scripts.question import Arguments, NotCached, Question, Reply, RowQuestion, Run


class UserScript:
    """Serves a script that was written for Azure Machine Learning, unchanged."""

    method = "run"
    reads_rows = False
    parameters = ""
    parses_unloaded = False
    library_only = False

    def __init__(self, file: Path, folder: Path, *, shown: bool = False) -> None:
        """`shown`: whether error messages include the text of what the script raises."""
        self._file, self._folder = file, folder
        self._errors = ScriptErrors(shown=shown, folder=file.parent)
        self._coroutines = CoroutineRunner(self._errors.handle_loop_error)
        self._data = data_files.digest(file.parent, folder)
        self.digest = script_digest.digest(file, self._data)
        self.model = models.digest(folder)
        #: What the decorators of `run` say; None without decorators, and before `load`.
        self.declared: DeclaredSchema | None = None

    def load(self) -> None:
        self._errors.install_hooks()
        try:
            self._errors.guard(self._start)
        except ScriptFailed as error:
            advice = _path_advice(error.__context__)
            message = f"{self._file.name} did not start: {error}{advice}{self._errors.hint}"
            raise ModelUnavailable(message) from self._errors.cause(error)
        garbage_collector.collect_and_freeze()

    def _start(self) -> None:
        entry = entry_script.load(self._file, self._folder)
        self._run: Run = entry.run
        self._cacheable, self._is_failure = entry.cacheable, entry.is_failure
        self._convention = run_signature.choose_convention(entry, self._errors)
        self.declared = run_signature.declared_schema(entry)
        with aliases.unavailable_names():
            self._coroutines.call(entry.init, {})
        self.digest = script_digest.digest(self._file, self._data)  # more modules are known

    def memory_of(self, extent: Extent) -> int:
        return extent.size * MEMORY_PER_BYTE

    def parse(self, request: Request) -> Question | RowQuestion:
        question = self._convention.parse(request)
        if self._cacheable:
            return question
        if isinstance(question, Question):
            return replace(question, cacheable=False)
        question.cacheable = False
        return question

    def run(self, question: Question) -> bytes | Reply:
        return self._errors.guard(lambda: self._answer(question))

    def run_rows(self, question: ScriptRows) -> list[bytes]:
        """The answer to each row, as JSON. Raises what `run` raises."""
        return self._errors.guard(lambda: self._answer_rows(question))

    def _answer(self, question: Question) -> bytes | Reply:
        value = self._call(question.payload)
        answer = _encode(value)
        if question.cacheable and not isinstance(answer, Reply) and self._is_failure(value):
            return NotCached(answer)
        return answer

    def _answer_rows(self, question: ScriptRows) -> list[bytes]:
        answers = self._call(question.arguments())
        return independent_rows.encode_answers(answers, len(question), self._is_failure)

    def _call(self, arguments: Arguments) -> Any:
        with self._convention.around(arguments):
            value = self._coroutines.call(self._run, arguments)
            reply = script_response.as_reply(value)
        return value if reply is None else reply


def _path_advice(error: BaseException | None) -> str:
    """What to do about a file that was named by a relative path; empty for another error."""
    name = getattr(error, "filename", None)
    if not isinstance(error, FileNotFoundError) or not isinstance(name, str):
        return ""
    if Path(name).is_absolute():
        return ""
    return (
        ". A relative path begins at the app's folder, not at the script's: join it to"
        " os.path.dirname(__file__), or to AZUREML_MODEL_DIR"
    )


def _encode(value: Any) -> bytes | Reply:
    if isinstance(value, Reply):
        return value
    # Azure ML's server answers an empty object where run() returns nothing.
    return json_codec.dumps({} if value is None else value)
