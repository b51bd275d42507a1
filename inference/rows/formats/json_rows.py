"""Rows in the JSON documents that clients send.

    [[…], …]                                           rows
    [{"a": 1, "b": 2}, …]                              records
    ["…", …]                                           texts, for a model of texts
    {"data": [[…], …]}                                 any of these under one of NAMES
    {"columns": ["b", "a"], "data": [[…], …]}          rows whose columns are named (split)
    {"dataframe_split": {"columns": …, "data": …}}     the same under one of NAMES
    {"inputs": {"a": [1, 3], "b": [2, 4]}}             columns under one of NAMES
    {"a": 1, "b": 2}                                   one record with all names of the model

Named columns are put into the model's order. A model without names takes the names of the first
record, for the whole input. Names that the model does not know are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from inference.errors import UnfitInput
from inference.rows import row_types
from inference.rows.formats.json_outline import Span
from inference.rows.schema import Schema

#: A document has rows under one of them. The last three are MLflow's.
NAMES = ("data", "instances", "inputs", "input_data", "dataframe_split", "dataframe_records")
_SPLIT = {"columns", "data"}
_ROWS = (list, dict, Span)


class Layout(NamedTuple):
    """Where a document has its rows. A list may be a Span that is not parsed yet."""

    rows: list[Any] | Span = []  # noqa: RUF012 - never changed
    #: The names of each row's cells, if the document has them.
    columns: list[str] | None = None
    #: Instead of rows: the model's columns.
    by_column: list[list[Any] | Span] | None = None
    #: With these: all columns by name.
    named: Mapping[str, list[Any] | Span] | None = None

    @property
    def length(self) -> int:
        """The number of rows."""
        first = self.rows if self.by_column is None else self.by_column[0]
        return count(first)


def layout_of(document: Any, schema: Schema) -> Layout:
    """The layout of a document. Raises UnfitInput."""
    data, columns = document, None
    if isinstance(document, dict):
        if _is_record(document, schema):
            unread = (name for name, value in document.items() if isinstance(value, Span))
            return Layout([document | dict.fromkeys(unread)])
        data = only(document, [name for name in NAMES if document.get(name) is not None])
        columns = _as_texts(document.get("columns"))
        if isinstance(data, dict):
            return _layout_of_object(data, schema)
        if data is None:
            got = f"nothing under {', '.join(NAMES[:-1])} or {NAMES[-1]}"
            raise UnfitInput(field="data", expected=expected_rows(schema), got=got)
    return _layout_of_list(data, columns, schema)


def count(values: list[Any] | Span) -> int:
    return values.length if isinstance(values, Span) else len(values)


def only(document: dict[str, Any], names: list[str]) -> Any:
    """What a document has under the one of NAMES that it has; None without one. Raises UnfitInput
    for several: each of them may be what was to be scored.
    """
    if len(names) > 1:
        raise UnfitInput(field="data", expected="rows under one name", got=" and ".join(names))
    return document[names[0]] if names else None


def _is_record(document: dict[str, Any], schema: Schema) -> bool:
    """Whether an object is one row, not an object that has rows under one of NAMES."""
    names = schema.names_among(document)
    if not names or names[0] not in document:
        return False
    if not document.keys() >= set(names) or any(
        isinstance(document[name], _ROWS) for name in names
    ):
        return False
    require_no_rows(document, names, schema, _ROWS)
    return True


def require_no_rows(
    record: dict[str, Any], own: Sequence[str], schema: Schema, kinds: tuple[type, ...]
) -> None:
    """Raises UnfitInput for a record of the model's names, `own`, that has rows under one of NAMES
    too: either may be what was to be scored.
    """
    for name in NAMES:
        if isinstance(record.get(name), kinds) and name not in schema.ignored.union(own):
            got = f"{name} and the model's column {own[0]!r}"
            raise UnfitInput(field="data", expected="a record or rows under a name", got=got)


def _layout_of_list(rows: object, columns: Any, schema: Schema) -> Layout:
    if isinstance(rows, list | Span):
        return Layout(rows, columns)
    raise UnfitInput(field="data", expected=expected_rows(schema), got=row_types.short_repr(rows))


def _layout_of_object(data: dict[str, Any], schema: Schema) -> Layout:
    """The layout of an object under one of NAMES."""
    if data.keys() >= _SPLIT and not set(schema.names or ()) >= _SPLIT:
        if own := [name for name in schema.names or () if name in data.keys() - _SPLIT]:
            require_no_rows(data, own, schema, _ROWS)
        return _layout_of_list(data["data"], require_names(_as_texts(data["columns"])), schema)
    if not any(isinstance(values, list | Span) for values in data.values()):
        return Layout([data])
    return Layout(by_column=_columns(data, schema), named=data)


def _columns(data: dict[str, Any], schema: Schema) -> list[list[Any] | Span]:
    """The model's columns, equally long. Raises UnfitInput."""
    names = list(data)
    order = schema.order(names)
    chosen = names if order is None else [names[at] for at in order]
    if schema.features not in (None, len(chosen)):  # with no rows, nothing else would find it
        got = f"{len(chosen)}: {row_types.short_repr(', '.join(chosen))}"
        raise UnfitInput(field="columns", expected=str(schema.features), got=got)
    expected = _length(chosen[0], data[chosen[0]])
    for name in chosen:
        if (length := _length(name, data[name])) != expected:
            raise UnfitInput(
                field=f"column {name!r}",
                expected=f"{row_types.count_values(expected)}, as column {chosen[0]!r} has",
                got=row_types.count_values(length),
            )
    return [data[name] for name in chosen]


def _length(name: str, values: object) -> int:
    """The number of values of a column. Raises UnfitInput."""
    if isinstance(values, list | Span):
        return count(values)
    got = row_types.short_repr(values)
    raise UnfitInput(field=f"column {name!r}", expected="a list of values", got=got)


def _as_texts(columns: Any) -> Any:
    """pandas writes the columns of a frame without names as numbers."""
    if not isinstance(columns, list):
        return columns
    return [str(name) if type(name) is int else name for name in columns]


def require_names(columns: object) -> list[str]:
    if isinstance(columns, list) and all(isinstance(name, str) for name in columns):
        return columns
    got = row_types.short_repr(columns)
    raise UnfitInput(field="columns", expected="a list of names", got=got)


def expected_rows(schema: Schema) -> str:
    if schema.kind == "texts":
        return "a list of texts"
    width = "" if schema.features is None else f"{schema.features} "
    return f"a list of rows, each a list of {width}values"
