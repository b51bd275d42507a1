"""Writes rows that came in another format as CSV, JSON lines or one JSON document."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import pyarrow as pa

from inference.limits import Limits
from inference.rows.formats import json_codec
from inference.rows.formats.cell_values import cell_values
from inference.rows.formats.csv_writer import join
from inference.rows.formats.json_document import answer_of
from inference.rows.formats.json_rows import NAMES
from inference.rows.formats.json_source import JSON_CELLS
from inference.rows.formats.output_columns import OutputColumns, cell


class CsvRows:
    """With a header; null is an empty cell."""

    def __init__(self) -> None:
        self._began = False

    def write(self, theirs: pa.RecordBatch, ours: pa.RecordBatch) -> bytes:
        columns = [_texts(field, column) for field, column in _fields(theirs, ours)]
        lines = [join(row, ",") + "\n" for row in zip(*columns, strict=True)]
        return self._header(theirs.schema, ours.schema) + "".join(lines).encode()

    def end(self, theirs: pa.Schema, ours: pa.Schema) -> Iterator[bytes]:
        yield self._header(theirs, ours)

    def _header(self, theirs: pa.Schema, ours: pa.Schema) -> bytes:
        if self._began:
            return b""
        self._began = True
        return join([*theirs.names, *ours.names], ",").encode() + b"\n"


class JsonLinesRows:
    """A line has a prediction or an error, as where the input is JSON lines."""

    def write(self, theirs: pa.RecordBatch, ours: pa.RecordBatch) -> bytes:
        *names, error = ours.schema.names
        *columns, errors = [cell_values(field, column) for field, column in _fields(ours)]
        predictions = zip(*columns, strict=True)
        return b"".join(
            json_codec.dumps(
                record | ({error: why} if why is not None else dict(zip(names, cells, strict=True)))
            )
            + b"\n"
            for record, cells, why in zip(_records(theirs), predictions, errors, strict=True)
        )

    def end(self, theirs: pa.Schema, ours: pa.Schema) -> Iterator[bytes]:  # noqa: ARG002 - a Writer's
        return iter(())


class JsonRows:
    """Records under `data`, then the answer, which is kept in memory: at most MAX_ROWS rows."""

    def __init__(self, columns: OutputColumns, limits: Limits) -> None:
        self._columns, self._limits = columns, limits
        self._predictions: list[Any] = []
        self._errors: dict[str, str] = {}

    def write(self, theirs: pa.RecordBatch, ours: pa.RecordBatch) -> bytes:
        start = len(self._predictions)
        self._limits.check_rows(start + len(ours), at_least=True)
        *columns, errors = [column.to_pylist() for column in ours.columns]
        self._errors |= {str(start + at): why for at, why in enumerate(errors) if why is not None}
        predictions = self._columns.predictions(ours.schema.names, zip(*columns, strict=True))
        self._predictions += [
            prediction if why is None else None
            for prediction, why in zip(predictions, errors, strict=True)
        ]
        records = b",".join(map(json_codec.dumps, _records(theirs)))
        return (b"," if start else _BEGIN) + records

    def end(self, theirs: pa.Schema, ours: pa.Schema) -> Iterator[bytes]:  # noqa: ARG002 - a Writer's
        answer = answer_of(self._predictions, self._columns.classes)
        if self._errors:
            answer["errors"] = self._errors
        yield b"" if self._predictions else _BEGIN
        yield b"]," + json_codec.dumps(answer)[1:]


_BEGIN = b'{"%b":[' % NAMES[0].encode()


def _fields(*batches: pa.RecordBatch) -> list[tuple[pa.Field, pa.Array]]:
    return [
        (field, column)
        for batch in batches
        for field, column in zip(batch.schema, batch.columns, strict=True)
    ]


def _records(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """Each row by name. Null of JSON's cells is a member that the row lacks."""
    names = batch.schema.names
    columns = [_json(field, column) for field, column in _fields(batch)]
    if not columns:
        return ({} for _ in range(len(batch)))
    rows = (dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True))
    if batch.schema.field(0).metadata != JSON_CELLS:
        return rows
    return ({name: cell for name, cell in row.items() if cell is not None} for row in rows)


def _json(field: pa.Field, column: pa.Array) -> Sequence[object]:
    """A column's cells as JSON's values."""
    if field.metadata != JSON_CELLS:
        return cell_values(field, column)
    return [None if text is None else orjson.Fragment(text) for text in column.to_pylist()]


def _texts(field: pa.Field, column: pa.Array) -> list[str]:
    """A column's cells as CSV has them, before quotes."""
    if field.metadata == JSON_CELLS:
        return [_unquoted(text) for text in column.to_pylist()]
    return [_text(value) for value in cell_values(field, column)]


def _unquoted(text: str | None) -> str:
    if text is None or text == "null":
        return ""
    return str(orjson.loads(text)) if text[0] == '"' else text


def _text(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(value)
    return cell(value)
