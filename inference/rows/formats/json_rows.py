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

import contextlib
from collections.abc import Mapping
from operator import itemgetter
from typing import Any, NamedTuple

from inference.errors import CallerError, UnfitInput
from inference.rows import coercion, row_types
from inference.rows.formats.json_keys import repeated_keys
from inference.rows.formats.json_outline import Span
from inference.rows.row_types import Rows
from inference.rows.schema import Schema

#: A document has rows under one of them. The last three are MLflow's.
NAMES = ("data", "instances", "inputs", "input_data", "dataframe_split", "dataframe_records")
_SPLIT = {"columns", "data"}


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
            return Layout([document])
        data = _only(document, [name for name in NAMES if document.get(name) is not None])
        columns = _as_texts(document.get("columns"))
        if isinstance(data, dict):
            return _layout_of_object(data, schema)
        if data is None:
            got = f"nothing under {', '.join(NAMES[:-1])} or {NAMES[-1]}"
            raise UnfitInput(field="data", expected=_expected(schema), got=got)
    return _layout_of_list(data, columns, schema)


class RowReader:
    """Converts the rows of one input, all in the same order.

    `columns`: the names of the cells of rows that are lists. `lines`: whether it reads JSON lines,
    where a row may be under one of NAMES.
    """

    def __init__(self, schema: Schema, columns: object = None, *, lines: bool = False) -> None:
        self._schema, self._columns, self._lines = schema, columns, lines
        self._texts = schema.kind == "texts"
        #: Of records.
        self._names: tuple[str, ...] = schema.names or ()
        #: These and the ignored ones; these as _fold writes them.
        self._read: frozenset[str] = frozenset()
        self._folded: dict[str, str] = {}
        #: Of rows that are lists: see row_types.reorder.
        self._order: list[int] | None = None
        self._width = 0
        self._has_begun = False

    @property
    def takes_lists_as_they_are(self) -> bool:
        """Whether rows that are lists have the model's order."""
        return self._columns is None

    def begin(self, first: object, schema: Schema) -> None:
        """Check the document by its first row. Raises UnfitInput."""
        if self._has_begun:
            return
        self._has_begun = True
        if not isinstance(first, dict | list) and not (isinstance(first, str) and self._texts):
            got = "a flat list; put it in a list"
            raise UnfitInput(field="data", expected=_expected(schema), got=got)
        if self._columns is not None and not isinstance(first, dict):
            names = _require_names(self._columns)
            self._order, self._width = schema.order(names), len(names)

    def read(self, items: list[Any], schema: Schema, text: bytes, *, first: int) -> Rows:
        """Rows in the model's types. `text`: the items as JSON. `first`: the first row's number."""
        rows, errors = self.cells(items, text, first=first)
        coerced = coercion.coerce_rows(rows, schema, text=False, first=first)
        coerced.errors.update(errors)
        return coerced

    def cells(
        self, items: list[Any], text: bytes, *, first: int = 0
    ) -> tuple[list[Any], dict[int, CallerError]]:
        """The cells of each row as they came; None and an error for a record that is unfit."""
        rows, errors = self._convert(items, first)
        for index, names in repeated_keys(text, items).items():
            for name in names:
                if name in self._names:
                    rows[index] = None
                    field = f"row {first + index}, column {name!r}"
                    errors[index] = UnfitInput(field=field, expected="once", got="twice")
        return rows, errors

    def _convert(self, items: list[Any], first: int) -> tuple[list[Any], dict[int, CallerError]]:
        kinds = set(map(type, items))
        if kinds == {list}:
            return row_types.reorder(items, self._order, self._width), {}
        if kinds == {dict} and len(self._names) > 1:
            with contextlib.suppress(KeyError):  # not all records have all columns
                return list(map(list, map(itemgetter(*self._names), items))), {}
        if self._order is not None:
            items = row_types.reorder(items, self._order, self._width)
        rows: list[Any] = []
        errors: dict[int, CallerError] = {}
        for index, item in enumerate(items):
            try:
                row = self._unwrapped(item) if self._lines else item
                rows.append(self._row(row, first + index))
            except UnfitInput as error:
                rows.append(None)
                errors[index] = error
        return rows, errors

    def _unwrapped(self, item: object) -> object:
        """The row that a JSON line has under one of NAMES, or the line itself."""
        if not isinstance(item, dict):
            return item
        if not item.keys().isdisjoint(self._schema.names_among(item)):
            return item
        kinds = (list, dict, str) if self._texts else (list, dict)
        found = [name for name in NAMES if isinstance(item.get(name), kinds)]
        return _only(item, found) if found else item

    def _row(self, item: object, number: int) -> object:
        if isinstance(item, str) and self._texts:
            return [item]
        if not isinstance(item, dict):
            return item
        self._names = self._names or self._names_in(item)
        if not self._names:
            return item
        names = self._schema.names_among(item) if self._texts else self._names
        self._check_names(item, names, number)
        return list(map(item.get, names))

    def _check_names(self, record: dict[str, Any], names: tuple[str, ...], number: int) -> None:
        """Raises UnfitInput for a column that is not there, and may not be missing."""
        lacks = False
        for at, name in enumerate(names):
            if name not in record:
                lacks = True
                if not self._optional(at):
                    raise _lacking(name, number, "missing")
        if lacks:
            self._refuse_misspelled(record, names, number)

    def _refuse_misspelled(
        self, record: dict[str, Any], names: tuple[str, ...], number: int
    ) -> None:
        """Raises UnfitInput for a column that has another spelling here. It may be missing."""
        if not self._folded:
            self._read = self._schema.ignored.union(names)
            self._folded = {_fold(name): name for name in names}
        for other in record.keys() - self._read:
            name = self._folded.get(_fold(other))
            if name is not None and name not in record:
                raise _lacking(name, number, f"{other!r}, which is another name")

    def _names_in(self, record: dict[str, Any]) -> tuple[str, ...]:
        return tuple(name for name in record if name not in self._schema.ignored)

    def _optional(self, at: int) -> bool:
        """Whether cells of a column may be missing."""
        columns = self._schema.columns
        return self._schema.allows_missing if columns is None else columns[at].missing


def _fold(name: str) -> str:
    """A name without case and the space around it."""
    return name.strip().casefold()


def _lacking(name: str, number: int, got: str) -> UnfitInput:
    return UnfitInput(field=f"row {number}, column {name!r}", expected="present", got=got)


def count(values: list[Any] | Span) -> int:
    return values.length if isinstance(values, Span) else len(values)


def _only(document: dict[str, Any], names: list[str]) -> Any:
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
    cells = map(document.get, names)
    return document.keys() >= set(names) and not any(
        isinstance(cell, list | dict | Span) for cell in cells
    )


def _layout_of_list(rows: object, columns: Any, schema: Schema) -> Layout:
    if isinstance(rows, list | Span):
        return Layout(rows, columns)
    raise UnfitInput(field="data", expected=_expected(schema), got=row_types.short_repr(rows))


def _layout_of_object(data: dict[str, Any], schema: Schema) -> Layout:
    """The layout of an object under one of NAMES."""
    if data.keys() >= _SPLIT and not set(schema.names or ()) >= _SPLIT:
        return _layout_of_list(data["data"], _require_names(_as_texts(data["columns"])), schema)
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


def _require_names(columns: object) -> list[str]:
    if isinstance(columns, list) and all(isinstance(name, str) for name in columns):
        return columns
    got = row_types.short_repr(columns)
    raise UnfitInput(field="columns", expected="a list of names", got=got)


def _expected(schema: Schema) -> str:
    if schema.kind == "texts":
        return "a list of texts"
    width = "" if schema.features is None else f"{schema.features} "
    return f"a list of rows, each a list of {width}values"
