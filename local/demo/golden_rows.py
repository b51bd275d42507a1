"""The model's golden rows, with the predictions that its manifest holds. No model is loaded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from local.demo import answers
from local.demo.example import BLOB_ROWS, MESSAGES, Body

#: The manifest, and its name in the release before, whose fields are the same.
MANIFESTS = ("triscore.json", "model.json")
_OLD_FIELDS = frozenset({"file", "sha256", "framework", "version"})

#: Larger whole numbers are not written as integers: 1e300 would have 300 digits.
_MOST = 2.0**53


def find_manifest(folder: Path) -> Path | None:
    """The manifest in a model folder. XGBoost's own model.json is none."""
    for name in MANIFESTS:
        try:
            document = json.loads((folder / name).read_bytes())
        except (OSError, ValueError):
            continue
        if name == MANIFESTS[0] or (isinstance(document, dict) and document.keys() >= _OLD_FIELDS):
            return folder / name
    return None


def read_golden_rows(folder: Path, name: str, prediction_column: str) -> GoldenRows | None:
    """The golden rows of a model folder; None if it has none. `name`: of the folder, for people."""
    file = find_manifest(folder)
    if file is None:
        return None
    manifest = json.loads(file.read_bytes())
    golden = manifest.get("golden") or {}
    if not golden.get("rows"):
        return None
    features = manifest.get("features") or {}
    columns = features.get("columns") or ()
    kind = features.get("kind", "array")
    # An accelerated model has tolerances of its own.
    tolerances = manifest.get("accelerated") or golden
    return GoldenRows(
        file=f"{name}/{file.name}",
        rows=golden["rows"],
        predictions=golden["predictions"],
        names=tuple(each["name"] for each in columns) or tuple(features.get("names") or ()),
        is_text=kind == "texts",
        prediction_column=prediction_column,
        relative=tolerances.get("relative", 1e-6),
        absolute=tolerances.get("absolute", 1e-9),
    )


@dataclass(frozen=True)
class GoldenRows:
    """Implements Example. Every trigger must answer the golden rows as the manifest says."""

    file: str
    rows: Sequence[Sequence[Any]]
    predictions: Sequence[Any]
    names: Sequence[str]
    is_text: bool
    prediction_column: str
    relative: float
    absolute: float

    @property
    def success(self) -> str:
        return f"Every answer is the one that {self.file} expects."

    @cached_property
    def request(self) -> Body:
        return self._document(0)

    @cached_property
    def blob(self) -> Body:
        # Rows as lists: columns of the input can't have the name of the prediction's.
        lines = [json.dumps(_shorten(self._row(number))) for number in range(BLOB_ROWS)]
        content = "".join(f"{line}\n" for line in lines).encode()
        return Body(content, "application/jsonl", f"{BLOB_ROWS} rows, JSON lines", ".jsonl")

    @cached_property
    def messages(self) -> Sequence[Body]:
        return [self._document(number) for number in range(MESSAGES)]

    def check_request(self, answer: bytes, content_type: str) -> str | None:
        return self._compare(answers.read(answer, content_type), [self._prediction(0)])

    def check_blob(self, output: bytes, _: str) -> str | None:
        predictions = answers.predictions_of(output, self.prediction_column)
        if len(predictions) != BLOB_ROWS:
            return f"expected {BLOB_ROWS} rows, got {len(predictions)}"
        for number, prediction in enumerate(predictions):
            if problem := self._compare(prediction, self._prediction(number)):
                return f"row {number}: {problem}"
        return None

    def check_message(self, number: int, result: Any) -> str | None:
        return self._compare(result, [self._prediction(number)])

    def _document(self, number: int) -> Body:
        """One row as people write it: a text, a record, or a list of cells."""
        row = _shorten(self._row(number))
        item: Any = row
        if self.is_text:
            item = row[0]
        elif self.names:
            item = dict(zip(self.names, row, strict=True))
        content = json.dumps({"data": [item]}, ensure_ascii=False).encode()
        return Body(content, "application/json", "1 row, JSON")

    def _row(self, number: int) -> Sequence[Any]:
        return self.rows[number % len(self.rows)]

    def _prediction(self, number: int) -> Any:
        return self.predictions[number % len(self.rows)]

    def _compare(self, answer: Any, expected: Any) -> str | None:
        if answers.agree(answer, expected, self.relative, self.absolute):
            return None
        return f"expected {answers.brief(expected)}, got {answers.brief(answer)}"


def _shorten(row: Sequence[Any]) -> list[Any]:
    """3.0 as 3, which means the same in every column and is shorter to read."""
    return [
        int(cell) if isinstance(cell, float) and cell.is_integer() and abs(cell) < _MOST else cell
        for cell in row
    ]
