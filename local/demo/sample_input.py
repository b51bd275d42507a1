"""The sample input of an entry script, as the app's OpenAPI document has it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from local.demo import answers
from local.demo.example import MESSAGES, Body

#: What the app takes each file for, by its ending.
CONTENT_TYPES = {
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".csv": "text/csv",
    ".npy": "application/x-npy",
    ".parquet": "application/vnd.apache.parquet",
    ".txt": "text/plain",
}


def find_sample(openapi: Mapping[str, Any]) -> SampleInput | None:
    """The sample that a script's decorators declare; None for a script without one."""
    operation = openapi["paths"]["/score"]["post"]
    content = operation["requestBody"]["content"].get("application/json", {})
    sample = content.get("examples", {}).get("sample")
    if sample is None:
        return None
    body = json.dumps(sample["value"], ensure_ascii=False).encode()
    return SampleInput(Body(body, "application/json", "the sample input"))


def read_sample(file: Path, prediction_column: str = "") -> SampleInput:
    """A file as input. `prediction_column`: of a model; empty for a script. Raises OSError."""
    kind = CONTENT_TYPES.get(file.suffix.lower(), "application/octet-stream")
    body = Body(file.read_bytes(), kind, file.name[:22], file.suffix)
    return SampleInput(body, prediction_column)


@dataclass
class SampleInput:
    """Implements Example. Nobody knows the right answer, so the triggers' answers are compared.

    Those of a model must agree. Those of a script may depend on more than the input.
    """

    request: Body
    prediction_column: str = ""
    #: The answer over HTTP.
    _answer: Any = field(default=None, init=False)
    _same: bool = field(default=True, init=False)

    @property
    def success(self) -> str:
        if self._same:
            return "All triggers gave the same answer."
        return "All triggers answered. Their answers differ, so they depend on more than the input."

    @property
    def blob(self) -> Body:
        if not self.prediction_column:
            return self.request
        # JSON lines have types, and each prediction has a place of its own.
        return replace(self.request, output_format="jsonl")

    @cached_property
    def messages(self) -> Sequence[Body]:
        return [self.request] * MESSAGES

    def check_request(self, answer: bytes, content_type: str) -> str | None:
        self._answer = answers.read(answer, content_type)
        return None

    def check_blob(self, output: bytes, content_type: str) -> str | None:
        if self.prediction_column:
            return self._compare(answers.predictions_of(output, self.prediction_column))
        return self._compare(answers.read(output, content_type))

    def check_message(self, _: int, result: Any) -> str | None:
        return self._compare(result)

    def _compare(self, answer: Any) -> str | None:
        if answers.agree(answer, self._answer):
            return None
        self._same = False
        if not self.prediction_column:
            return None
        return f"expected {answers.brief(self._answer)} as over HTTP, got {answers.brief(answer)}"
