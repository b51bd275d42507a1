"""The sample input of an entry script, as the app's OpenAPI document has it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

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


def read_sample(file: Path) -> SampleInput:
    """A file as input. Raises OSError."""
    kind = CONTENT_TYPES.get(file.suffix.lower(), "application/octet-stream")
    return SampleInput(Body(file.read_bytes(), kind, file.name[:22], file.suffix))


@dataclass
class SampleInput:
    """Implements Example. Nobody knows the right answer, so the triggers' answers are compared."""

    request: Body
    #: The answer over HTTP, if it is JSON.
    _answer: Any = field(default=None, init=False)
    _same: bool = field(default=True, init=False)

    @property
    def success(self) -> str:
        if self._same:
            return "All triggers gave the same answer."
        return "All triggers answered. Their answers differ, so they depend on more than the input."

    @property
    def blob(self) -> Body:
        return self.request

    @cached_property
    def messages(self) -> Sequence[Body]:
        return [self.request] * MESSAGES

    def check_request(self, answer: bytes) -> str | None:
        self._answer = _parse(answer)
        return None

    def check_blob(self, output: bytes) -> str | None:
        # The output of a table has the table's own columns too.
        if self.request.content_type == "application/json":
            answer = _parse(output)
            # A model's output is the input with its predictions, a script's is its answer.
            is_joined = isinstance(answer, dict) and answer.keys() >= {"predictions"}
            self._compare(answer["predictions"] if is_joined else answer)
        return None

    def check_message(self, number: int, result: Any) -> str | None:  # noqa: ARG002 - as in Example
        self._compare(result)
        return None

    def _compare(self, answer: Any) -> None:
        self._same &= self._answer is None or answer == self._answer


def _parse(answer: bytes) -> Any:
    try:
        return json.loads(answer)
    except ValueError:
        return None
