"""Rows in the JSON documents that clients send.

    [[…], …]   {"data": [[…], …]}   {"instances": …}   {"inputs": …}     rows
    {"columns": ["b", "a"], "data": [[…], …]}                            rows, columns named (split)
    [{"a": 1, "b": 2}, …], also under the names above                    records
    ["…", …], also under the names above                                 texts, where it takes those

Named columns are brought into the model's order where it was trained with names; else they stay
in the order in which they came. A record's fields that the model does not know are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inference import rows
from inference.errors import UnfitInput
from inference.rows import Row
from inference.signature import Signature

NAMES = ("data", "instances", "inputs")


def rows_of(document: Any, signature: Signature) -> list[Row]:
    """The rows in a JSON document. Raises UnfitInput."""
    data = _under_a_name(document) if isinstance(document, dict) else document
    if data is None:
        raise UnfitInput(
            field="data", expected=_expected(signature), got=f"nothing under {' or '.join(NAMES)}"
        )
    if not isinstance(data, list):
        raise UnfitInput(field="data", expected=_expected(signature), got=type(data).__name__)
    if data and isinstance(data[0], dict):
        return records(data, signature)
    if data and isinstance(data[0], str) and signature.kind == "texts":
        return [[text] for text in data]
    if data and not isinstance(data[0], list):
        raise UnfitInput(
            field="data", expected=_expected(signature), got="a flat list; put it in a list"
        )
    columns = document.get("columns") if isinstance(document, dict) else None
    return data if columns is None else _split(data, columns, signature)


def line_rows(documents: Sequence[object], signature: Signature) -> list[Row]:
    """The row in each of some JSON lines; what is none is left for the row's own error."""
    return records([_line(document) for document in documents], signature)


def records(items: Sequence[Any], signature: Signature) -> list[Row]:
    """Records as rows, lists as they are. A record that lacks a column stays a record."""
    first = next((item for item in items if isinstance(item, dict)), {})
    columns = signature.names or tuple(first)
    return [_row(item, columns, signature) for item in items]


def _line(document: object) -> object:
    found = _under_a_name(document) if isinstance(document, dict) else None
    return document if found is None else found


def _row(item: object, columns: Sequence[str], signature: Signature) -> Any:
    if isinstance(item, dict) and all(name in item for name in columns):
        return [item[name] for name in columns]
    if isinstance(item, str) and signature.kind == "texts":
        return [item]
    return item


def _under_a_name(document: dict[str, Any]) -> Any:
    return next((document[name] for name in NAMES if name in document), None)


def _split(data: list[Row], columns: Any, signature: Signature) -> list[Row]:
    if not (isinstance(columns, list) and all(isinstance(name, str) for name in columns)):
        raise UnfitInput(
            field="columns", expected="a list of names", got=str(type(columns).__name__)
        )
    return rows.reorder(data, signature.order(columns), len(columns))


def _expected(signature: Signature) -> str:
    if signature.kind == "texts":
        return "a list of texts"
    width = "" if signature.features is None else f"{signature.features} "
    return f"a list of rows, each a list of {width}values"
