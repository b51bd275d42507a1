"""The texts that a model of one text takes, and the name of their column in training."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from deploy import sample
from deploy.columns.frames import Stated, some
from inference.errors import ModelUnavailable, UnfitInput
from inference.rows import coercion
from inference.rows.formats.json_rows import NAMES
from inference.rows.row_types import Values, short_repr
from inference.rows.schema import TEXT, Schema, texts_schema

#: Texts for a model that is described without rows. They are not of its training: golden rows are
#: examples in the app's API description, which anybody may read.
PLAIN = (
    "What a good day!",
    "This is not what I ordered, and nobody answers my calls.",
    "How can I change my address?",
    "Thank you, it works again since this morning.",
    "New offer: win 1,000 now",
)


def of_training(training: Any, own: Schema) -> tuple[Schema, Values]:
    """Of a list, an array, a Series or a frame of one column. Raises UnfitInput."""
    name = getattr(training, "name", None)
    if (columns := getattr(training, "columns", None)) is not None:
        if len(columns) != 1:
            raise UnfitInput(
                field="the rows",
                expected="one column of texts",
                got=f"the columns {', '.join(map(str, columns))}",
            )
        name = columns[0]
    held = training.to_numpy() if hasattr(training, "to_numpy") else training
    texts = np.asarray(held, object).reshape(-1).tolist()
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise UnfitInput(
                field=f"row {row} of the rows",
                expected="a text",
                got=f"a value of type {type(text).__name__}",
            )
    picked = [[texts[at]] for at in sample.spread(len(texts))]
    return named(own, name), coercion.coerce_rows(picked, own, text=False).require_valid()


def of_file(file: Path, own: Schema, stated: Stated) -> tuple[Schema, Values]:
    """The name is the one of --type NAME=text; else that of the only column of
    the file, if it is not TEXT.

    Raises CallerError, OSError.
    """
    name = next(iter(stated.types), None)
    if name is None and TEXT not in (names := _names(file)):
        if len(names) > 1:
            raise UnfitInput(
                field=file.name,
                expected="one column of texts, or the name of one with --type NAME=text",
                got=f"the columns {some(names)}",
            )
        name = next(iter(names), None)
    schema = named(own, name)
    return schema, sample.read_values(file, schema)


def plain_texts(own: Schema) -> Values:
    """A few texts of nobody's."""
    return coercion.coerce_rows([[text] for text in PLAIN], own, text=False).require_valid()


def require_text(stated: Stated) -> None:
    """Raises ModelUnavailable for a --type that a text does not have."""
    for name, kind in stated.types.items():
        if kind != "text" or len(stated.types) > 1:
            raise ModelUnavailable(
                f"--type {name}={kind}: the model takes one text a row; expected the name of its"
                " column, for example --type review=text"
            )


def named(own: Schema, name: object = None) -> Schema:
    """The schema with the name that training gave the column, if it is known."""
    return own if name in (None, TEXT) else replace(texts_schema(str(name)), na=own.na)


def _names(file: Path) -> list[str]:
    """The names of the columns of a file, as far as it has any."""
    names = _READERS.get(file.suffix.lower())
    try:
        return [] if names is None else names(file)
    except (ValueError, TypeError):  # reading the rows says what is wrong
        return []


def _parquet_names(file: Path) -> list[str]:
    import pyarrow.parquet as pq  # noqa: PLC0415 - only for such a file

    return [name for name in pq.read_schema(file).names if not name.startswith("__index_level_")]


def _csv_names(file: Path) -> list[str]:
    """The cells of the first line, where each is one word: a text has several.

    Raises UnfitInput where all texts have one.
    """
    with file.open(newline="", encoding="utf-8-sig") as opened:
        lines = csv.reader(opened)
        first = next(lines, [])
        if not all(map(str.isidentifier, first)):
            return []
        cells = (cell for line in lines for cell in line)
        one = next(cells, "")
        if TEXT not in first and one.isidentifier() and all(map(str.isidentifier, cells)):
            raise UnfitInput(
                field=f"{file.name}, first line",
                expected=f"the column {TEXT!r}, or texts of several words below another name",
                got=f"{short_repr(first[0])}, which may be a text: put the name {TEXT!r} above it,"
                f" or if it is the name, say --type {first[0]}=text",
            )
    return first


def _json_names(file: Path) -> list[str]:
    body = file.read_bytes()
    lines = body.splitlines()[:1] if file.suffix.lower() != ".json" else [body]
    return _document_names(orjson.loads(lines[0]) if lines else None)


def _document_names(document: Any) -> list[str]:
    """The names of the columns of a document, or of its first record."""
    if isinstance(document, list):
        return _document_names(document[0]) if document else []
    if not isinstance(document, dict):
        return []
    if "columns" in document:
        return [str(name) for name in document["columns"]]
    rows = next((document[name] for name in NAMES if name in document), None)
    return [*document] if rows is None else _document_names(rows)


_READERS: dict[str, Callable[[Path], list[str]]] = {
    ".parquet": _parquet_names,
    ".csv": _csv_names,
    ".json": _json_names,
    ".jsonl": _json_names,
    ".ndjson": _json_names,
}
