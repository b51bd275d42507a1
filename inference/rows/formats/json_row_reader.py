"""Converts the rows of a JSON document, or lines of JSON, to rows in the model's types.

inference.rows.formats.json_rows says where a document has its rows.
"""

from __future__ import annotations

import contextlib
from operator import itemgetter
from typing import Any

from inference.errors import CallerError, UnfitInput
from inference.rows import coercion, row_types
from inference.rows.formats.json_keys import repeated_keys
from inference.rows.formats.json_rows import (
    NAMES,
    expected_rows,
    only,
    require_names,
    require_no_rows,
)
from inference.rows.row_types import Rows
from inference.rows.schema import Schema


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
            raise UnfitInput(field="data", expected=expected_rows(schema), got=got)
        if self._columns is not None and not isinstance(first, dict):
            names = require_names(self._columns)
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
        if kinds == {dict} and len(self._names) > 1 and not self._may_be_wrapped(items):
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
        kinds = (list, dict, str) if self._texts else (list, dict)
        if own := [name for name in self._schema.names_among(item) if name in item]:
            require_no_rows(item, own, self._schema, kinds)
            return item
        found = [name for name in NAMES if isinstance(item.get(name), kinds)]
        return only(item, found) if found else item

    def _may_be_wrapped(self, items: list[dict[str, Any]]) -> bool:
        """Whether some line may have one of NAMES beside the model's own."""
        if not self._lines or sum(map(len, items)) == len(items) * len(self._names):
            return False
        return not all(item.keys().isdisjoint(NAMES) for item in items)

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
