"""Rows in the JSON documents that clients send.

    [[…], …]   {"data": [[…], …]}   {"instances": …}   {"inputs": …}     rows
    {"columns": ["b", "a"], "data": [[…], …]}                            rows, columns named (split)
    [{"a": 1, "b": 2}, …], also under the names above                    records
    ["…", …], also under the names above                                 texts, for a model of texts

Named columns are put into the model's order if it was trained with names; otherwise they keep
their order. Fields of a record that the model does not know are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from inference.errors import UnfitInput
from inference.rows import row_types
from inference.rows.row_types import Row
from inference.rows.schema import Schema

NAMES = ("data", "instances", "inputs")


def rows_of(document: Any, schema: Schema) -> list[Row]:
    """The rows in a JSON document. Raises UnfitInput."""
    data = _under_a_name(document) if isinstance(document, dict) else document
    if data is None:
        raise UnfitInput(
            field="data", expected=_expected(schema), got=f"nothing under {' or '.join(NAMES)}"
        )
    if not isinstance(data, list):
        raise UnfitInput(field="data", expected=_expected(schema), got=type(data).__name__)
    columns = document.get("columns") if isinstance(document, dict) else None
    if not data and columns is None:
        return []
    return reader(data[0] if data else [], columns, schema)(data)


def reader(first: object, columns: object, schema: Schema) -> Callable[[list[Any]], list[Row]]:
    """The function that converts a list's elements to rows, chosen by the first element.

    `columns`: the document's member of that name. Raises UnfitInput.
    """
    if isinstance(first, dict):
        names = schema.names or tuple(first)
        return lambda items: [_row(item, names, schema) for item in items]
    if isinstance(first, str) and schema.kind == "texts":
        return lambda items: [[text] for text in items]
    if not isinstance(first, list):
        raise UnfitInput(
            field="data", expected=_expected(schema), got="a flat list; put it in a list"
        )
    return as_they_are if columns is None else _split(columns, schema)


def as_they_are(items: list[Any]) -> list[Row]:
    return items


def columns_of(documents: Sequence[object], schema: Schema) -> tuple[str, ...] | None:
    """The columns of records in JSON lines: the model's, otherwise those of the first record."""
    if schema.names is not None:
        return schema.names
    found = map(_line, documents)
    return next((tuple(each) for each in found if isinstance(each, dict)), None)


def line_rows(
    documents: Sequence[object], columns: Sequence[str] | None, schema: Schema
) -> list[Row]:
    """The row in each JSON line. A line that is no row stays as it is and becomes an error later.

    `columns`: the order of a record's cells.
    """
    return [_row(_line(document), columns or (), schema) for document in documents]


def _line(document: object) -> object:
    found = _under_a_name(document) if isinstance(document, dict) else None
    return document if found is None else found


def _row(item: object, columns: Sequence[str], schema: Schema) -> Any:
    if isinstance(item, dict) and all(name in item for name in columns):
        return [item[name] for name in columns]
    if isinstance(item, str) and schema.kind == "texts":
        return [item]
    return item


def _under_a_name(document: dict[str, Any]) -> Any:
    return next((document[name] for name in NAMES if name in document), None)


def _split(columns: object, schema: Schema) -> Callable[[list[Any]], list[Row]]:
    if not (isinstance(columns, list) and all(isinstance(name, str) for name in columns)):
        raise UnfitInput(
            field="columns", expected="a list of names", got=str(type(columns).__name__)
        )
    order = schema.order(columns)
    return lambda items: row_types.reorder(items, order, len(columns))


def _expected(schema: Schema) -> str:
    if schema.kind == "texts":
        return "a list of texts"
    width = "" if schema.features is None else f"{schema.features} "
    return f"a list of rows, each a list of {width}values"
