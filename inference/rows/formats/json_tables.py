"""JSON lines: the object (or {"data": row}) with `prediction` or `error`.

JSON: the object (or {"data": rows}) with `predictions`, and `errors` by row.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import orjson

from inference.limits import PART_BYTES, Limits
from inference.rows import coercion
from inference.rows.formats import json_rows
from inference.rows.formats.gathering import pin_width
from inference.rows.formats.json_parts import JsonBody
from inference.rows.formats.lines import Lines, batched
from inference.rows.formats.parts import Part, Table, read_rows
from inference.rows.schema import Schema


class JsonLinesTable(Table):
    """One JSON value per line. A line that is not JSON is that row's error."""

    def __init__(self, source: BinaryIO, schema: Schema) -> None:
        self._source, self._schema = source, schema

    def parts(self) -> Iterator[Part]:
        lines, schema = Lines(self._source.readline, b","), self._schema
        documents = (_line(line) for line in lines if line.strip())
        columns: tuple[str, ...] | None = None
        count = 0
        for batch in batched(documents, lines):
            columns = columns or json_rows.columns_of(batch, schema)
            cells = json_rows.line_rows(batch, columns, schema)
            coerced = coercion.coerce_rows(cells, schema, text=False, first=count)
            schema = pin_width(schema, coerced)
            count += len(batch)
            yield Part(coerced, batch)

    def write(self, part: Part, predictions: Sequence[Any]) -> bytes:
        return b"".join(
            _dump_line(
                (original if isinstance(original, dict) else {"data": original})
                | ({"error": str(error)} if error else {"prediction": prediction})
            )
            for original, (prediction, error) in zip(
                part.originals, part.outcomes(predictions), strict=True
            )
        )


class JsonTable(Table):
    """One JSON document, read whole, and written unchanged with the predictions and errors."""

    def __init__(self, source: BinaryIO, schema: Schema, limits: Limits) -> None:
        self._source, self._schema, self._limits = source, schema, limits
        self._predictions: list[Any] = []
        self._errors: dict[str, str] = {}

    def parts(self) -> Iterator[Part]:
        body, schema = read_rows(self._source, self._limits), self._schema
        what = "the blob, read as JSON,"
        self._document = JsonBody(body, schema, self._limits, what)
        count = 0
        for part in self._document.parts():
            coerced = part.coerce(schema, first=count)
            schema = pin_width(schema, coerced)
            size = len(coerced.kept) + len(coerced.errors)
            count += size
            yield Part(coerced, range(size))

    def write(self, part: Part, predictions: Sequence[Any]) -> bytes:
        for prediction, error in part.outcomes(predictions):
            if error:
                self._errors[str(len(self._predictions))] = str(error)
            self._predictions.append(prediction)
        return b""

    def end(self) -> Iterator[bytes]:
        joined: dict[str, Any] = {"predictions": self._predictions}
        if self._errors:
            joined["errors"] = self._errors
        yield b"{"
        for name, text in self._document.members():
            if name not in joined:
                yield orjson.dumps(name) + b":"
                for start in range(0, len(text), PART_BYTES):
                    yield bytes(text[start : start + PART_BYTES])
                yield b","
        yield orjson.dumps(joined)[1:]


def _dump_line(document: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:  # it reads lists 1,024 deep and writes them 254 deep
        return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def _line(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return line.decode(
            errors="replace"
        ).strip()  # a text is no row, so it becomes the row's error
