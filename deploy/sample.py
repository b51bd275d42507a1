"""Golden rows of a manifest: read from a file, or drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inference.errors import UnfitInput
from inference.limits import Limits
from inference.rows import formats, media_types, row_types
from inference.rows.formats import csv_codec, json_document
from inference.rows.row_types import Array, Row
from inference.rows.schema import Column, ColumnType, Schema, frame_schema
from inference.settings import InferenceSettings

DRAWN_ROWS = 5
MAX_ROWS = 1_000
LIMITS = Limits(InferenceSettings.max_body_bytes, MAX_ROWS)

_BOOLEANS = frozenset({"true", "false"})


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows in the model's order of columns."""

    rows: Sequence[Row]
    #: Whether every cell is text, as in CSV.
    text: bool

    def types(self) -> tuple[ColumnType, ...]:
        """The type of each column, by all of its cells."""
        return tuple(
            (_type_of_texts(column) if self.text else _type_of_values(column))
            for column in zip(*self.rows, strict=True)
        )


def draw(features: int) -> Sample:
    """A few rows of random numbers, the same each time."""
    values: Array = np.random.default_rng(0).normal(size=(DRAWN_ROWS, features))
    return Sample(values.round(3).tolist(), text=False)


def read(file: Path, schema: Schema) -> Sample:
    """The rows of a .csv, .npy, .parquet or .json file. Raises CallerError, OSError."""
    body = file.read_bytes()
    if schema.kind == "array" and schema.names is not None:
        schema = _named(schema.names)
    if file.suffix == ".npy":
        found = formats.decode(body, media_types.NPY, Schema(), limits=LIMITS)
        return Sample(found.require_valid().tolist(), text=False)
    if file.suffix == ".parquet":
        columnar = formats.by_column(media_types.PARQUET)
        parts = columnar.parts(body, media_types.PARQUET, schema, LIMITS)
        return _sample([row for part in parts for row in columnar.rows(part.batch)], text=False)
    if file.suffix == ".csv":
        columns, cells = csv_codec.decode(body, schema)
        order = None if columns is None else schema.order(columns)
        return _sample(row_types.reorder(cells, order, len(columns or ())), text=True)
    return _sample(json_document.decode_cells(body, schema), text=False)


def _named(names: tuple[str, ...]) -> Schema:
    """A schema of columns of any type, to recognize a header by the model's own names."""
    return frame_schema([Column(name, "text") for name in names])


def _sample(cells: list[Row], *, text: bool) -> Sample:
    LIMITS.check_rows(len(cells))
    widths = {len(row) if isinstance(row, list | tuple) else -1 for row in cells}
    if len(widths) > 1 or widths == {-1}:
        raise UnfitInput(field="rows", expected="rows of one width", got="others")
    return Sample(cells, text=text)


def _type_of_values(column: Sequence[Any]) -> ColumnType:
    kinds = {type(cell) for cell in _present(column)}
    if kinds == {bool}:
        return "boolean"
    if kinds <= {int}:
        return "integer" if None not in column else "number"
    return "number" if kinds <= {int, float} else "text"


def _type_of_texts(column: Sequence[Any]) -> ColumnType:
    present = _present(column)
    if present and {cell.lower() for cell in present} <= _BOOLEANS:
        return "boolean"
    if present and len(present) == len(column) and all(map(_is_integer, present)):
        return "integer"
    return "number" if all(map(_is_number, present)) else "text"


def _present(column: Sequence[Any]) -> list[Any]:
    return [cell for cell in column if cell is not None and cell != ""]


def _is_integer(text: str) -> bool:
    return text.strip().lstrip("+-").isdecimal()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
