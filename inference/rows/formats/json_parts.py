"""The rows of a long JSON body, part by part, as inference.rows.formats.json_rows defines them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from inference.errors import MalformedInput
from inference.limits import Limits
from inference.rows import coercion, numeric
from inference.rows.formats import dense_json, json_rows
from inference.rows.formats.gathering import Part
from inference.rows.formats.json_outline import Outline, Span
from inference.rows.row_types import Row, Rows
from inference.rows.schema import Schema

Reader = Callable[[list[Any]], list[Row]]


class JsonBody:
    """A document that holds rows. Raises CallerError for any other one, and for too many rows."""

    def __init__(self, body: bytes, schema: Schema, limits: Limits, what: str) -> None:
        self._body, self._what = body, what
        self._outline, self._schema = Outline(body, what), schema
        #: The place of each member of the document; one of them is the rows.
        self._members: dict[str, Span] = {}
        self._columns: object = None
        self._rows = self._find()
        limits.check_rows(self._rows.length)

    def parts(self) -> Iterator[JsonPart]:
        """The rows; they can be read more than once."""
        reader: Reader | None = None
        for piece, start in self._outline.pieces(self._rows):
            if reader is None:
                first = self.elements(piece, start)[0]
                reader = json_rows.reader(first, self._columns, self._schema)
            yield JsonPart(self, piece, start, reader)

    def members(self) -> Iterator[tuple[str, memoryview]]:
        """The text of each of the document's members. A bare list counts as the member `data`."""
        view = memoryview(self._body)
        for name, span in self._members.items():
            yield name, view[span.start : span.end]

    def elements(self, piece: bytes, start: int) -> list[Any]:
        """The elements in a piece of the rows. Raises MalformedInput."""
        found: list[Any] = self._outline.loads(piece, start)
        if not found:
            raise MalformedInput(
                f"{self._what} is not JSON: no value behind a comma at byte {start:,}"
            )
        return found

    def _find(self) -> Span:
        """The place of the rows. Raises CallerError if there are none."""
        return self._find_in_object() if self._outline.kind() == b"{" else self._find_list()

    def _find_list(self) -> Span:
        outline = self._outline
        whole = outline.value()
        outline.end()
        if not outline.is_list(whole):
            json_rows.rows_of(outline.parsed(whole), self._schema)  # raises the right error
        self._members = {json_rows.NAMES[0]: whole}
        return whole

    def _find_in_object(self) -> Span:
        outline, spans = self._outline, self._members
        for name in outline.members():
            if name in spans:  # the last one counts, but all must be JSON
                outline.parsed(spans[name])
            spans[name] = outline.value()
        outline.end()
        chosen = next((name for name in json_rows.NAMES if name in spans), "")
        rows = spans.get(chosen)
        if rows is not None and not outline.is_list(rows):
            rows = None
        document = {n: outline.parsed(span) for n, span in spans.items() if span is not rows}
        if rows is None:
            json_rows.rows_of(document, self._schema)  # raises the right error
            raise AssertionError(chosen)
        self._columns = document.get("columns")
        return rows


class JsonPart(Part):
    """Some of the rows, parsed when needed."""

    def __init__(self, body: JsonBody, piece: bytes, start: int, reader: Reader) -> None:
        self._body, self._piece, self._start, self._reader = body, piece, start, reader

    def rows(self) -> list[Row]:
        return self._reader(self._body.elements(self._piece, self._start))

    def coerce(self, schema: Schema, *, first: int) -> Rows:
        if schema.kind == "array" and self._reader is json_rows.as_they_are:
            values = dense_json.read(self._piece, features=schema.features)
            plain = None if values is None else numeric.coerce_plain(values, schema)
            if plain is not None:
                return plain
        return coercion.coerce_rows(self.rows(), schema, text=False, first=first)
