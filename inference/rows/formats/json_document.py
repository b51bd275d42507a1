"""One JSON document. As a table it is written unchanged, with `predictions`, and `errors` by row.

inference.rows.formats.json_rows says which documents hold rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import orjson

from inference.errors import MalformedInput, UnfitInput
from inference.limits import PART_BYTES, Limits, rows_per_part
from inference.rows import coercion, numeric
from inference.rows.formats import dense_json, gathering, json_codec, json_keys, json_outline
from inference.rows.formats.json_outline import Outline, Span
from inference.rows.formats.json_row_reader import RowReader
from inference.rows.formats.json_rows import NAMES, Layout, layout_of
from inference.rows.formats.output_columns import PREDICTION_ALONE, OutputColumns, free_name
from inference.rows.formats.parts import Part, Table, read_rows
from inference.rows.output_options import AS_IT_CAME, OutputOptions
from inference.rows.row_types import Array, Rows, whole_rows
from inference.rows.schema import Schema
from inference.rows.turns import in_turns


def decode_short(body: bytes, schema: Schema, limits: Limits) -> Rows:
    """The rows of a body that is parsed at once. Raises CallerError."""
    if schema.kind == "array":  # the fast path for most bodies
        values = dense_json.read(body, features=schema.features)
        if values is not None:
            limits.check_rows(len(values))
            if (plain := numeric.coerce_plain(values, schema)) is not None:
                return plain
    document = json_codec.loads(body, "the body")
    if json_keys.may_repeat(body, _count_names(document)):
        return gathering.gather(JsonDocument(body, schema, limits, "the body").parts(), schema)
    layout = layout_of(document, schema)
    if layout.length:
        limits.check_rows(layout.length)
    if layout.by_column is not None:
        return coercion.coerce_rows(_zip(layout.by_column), schema, text=False)
    items: Any = layout.rows
    return _begun_reader(layout, schema).read(items, schema, b"", first=0)


def decode_long(body: bytes, schema: Schema, limits: Limits) -> Rows | None:
    """The rows of a body that is nothing but many rows of numbers; None for any other."""
    found: list[Array] = []
    count = 0
    for values in in_turns(dense_json.read_long(body, features=schema.features)):
        plain = None if values is None else numeric.coerce_plain(values, schema)
        if plain is None:
            return None
        found.append(plain.numbers())
        count += len(plain.kept)
        if count > limits.rows:
            return None
    return whole_rows(gathering.stack(found))


def decode_cells(body: bytes, schema: Schema) -> list[Any]:
    """The cells of each row as they came, in the model's order. Raises CallerError."""
    layout = layout_of(json_codec.loads(body, "the body"), schema)
    if layout.by_column is not None:
        return _zip(layout.by_column)
    items: Any = layout.rows
    rows, errors = _begun_reader(layout, schema).cells(items, orjson.dumps(items))
    if errors:
        raise errors[min(errors)]
    return rows


def _begun_reader(layout: Layout, schema: Schema) -> RowReader:
    reader = RowReader(schema, layout.columns)
    if isinstance(layout.rows, list) and layout.rows:
        reader.begin(layout.rows[0], schema)
    return reader


def _zip(columns: list[Any]) -> list[Any]:
    return list(map(list, zip(*columns, strict=True)))


class JsonDocument:
    """A document that holds rows. Raises CallerError for any other one, and for too many rows."""

    def __init__(self, body: bytes, schema: Schema, limits: Limits, what: str) -> None:
        self._what, self._schema = what, schema
        self.outline = Outline(body, what)
        self._spans: list[Span] = []
        document = self._read()
        #: The names at its top.
        self.names = frozenset(document if isinstance(document, dict) else ())
        self.layout = layout_of(document, schema)
        if self.layout.length:
            limits.check_rows(self.layout.length)
        self._validate_unread()

    def parts(self) -> Iterator[gathering.Part]:
        """The rows. They can be read more than once."""
        layout = self.layout
        if layout.by_column is not None:
            yield from self._zipped(layout.by_column)
            return
        reader = RowReader(self._schema, layout.columns)
        if not isinstance(layout.rows, Span):
            text = orjson.dumps(layout.rows)  # a name that stood twice was refused
            yield JsonPart(self, text, 0, reader)
        elif layout.rows.length:
            for piece, start in self.outline.pieces(layout.rows):
                yield JsonPart(self, piece, start, reader)

    def elements(self, piece: bytes, start: int) -> list[Any]:
        """The elements in a piece of the rows. Raises MalformedInput."""
        found: list[Any] = self.outline.loads(piece, start)
        if not found:
            raise MalformedInput(
                f"{self._what} is not JSON: no value behind a comma at byte {start:,}"
            )
        return found

    def names_of(self, part: gathering.Part) -> set[str]:
        """The names of the columns of a part."""
        layout = self.layout
        if layout.columns is not None or layout.named is not None:
            return {*(layout.columns or ()), *(layout.named or ())}
        rows = part.elements() if isinstance(part, JsonPart) else []
        return {name for row in rows if isinstance(row, dict) for name in row}

    def _read(self) -> Any:
        """The document; a list that may be the rows or a column is a Span."""
        outline = self.outline
        found = self._object(NAMES) if outline.kind() == b"{" else self._value()
        outline.end()
        return found

    def _object(self, names: Sequence[str]) -> dict[str, Any]:
        """The document, an object. `names`: of the members that may hold rows."""
        outline, found = self.outline, dict[str, Any]()
        for name in self._names_once():
            if name not in names:
                found[name] = outline.parsed(outline.value())
            elif outline.kind() == b"{":
                found[name] = {
                    inner: outline.parsed(outline.value()) if inner == "columns" else self._value()
                    for inner in self._names_once()
                }
            else:
                found[name] = self._value()
        return found

    def _names_once(self) -> Iterator[str]:
        """The names in the object that comes next. Raises UnfitInput for one that is repeated."""
        found: set[str] = set()
        for name in self.outline.members():
            if name in found:
                raise UnfitInput(field=name, expected="once", got="twice")
            found.add(name)
            yield name

    def _value(self) -> Any:
        outline = self.outline
        span = outline.value()
        if not outline.is_list(span):
            return outline.parsed(span)
        self._spans.append(span)
        return span

    def _validate_unread(self) -> None:
        """Raises MalformedInput if a list that is not read is no JSON."""
        read = [self.layout.rows, *(self.layout.by_column or ())]
        for span in self._spans:
            if not any(span is each for each in read):
                for _ in self.outline.elements(span):
                    pass

    def _zipped(self, columns: Sequence[list[Any] | Span]) -> Iterator[gathering.Part]:
        """Rows made of all columns, some at a time."""
        cells = [
            itertools.chain.from_iterable(self.outline.elements(column))
            if isinstance(column, Span)
            else iter(column)
            for column in columns
        ]
        rows = map(list, zip(*cells, strict=True))
        while part := list(itertools.islice(rows, rows_per_part(len(columns)))):
            yield gathering.CellsPart(part, text=False)


class JsonPart(gathering.Part):
    """Some of the rows, parsed when needed."""

    def __init__(self, document: JsonDocument, piece: bytes, start: int, reader: RowReader) -> None:
        self._document, self.piece, self._start = document, piece, start
        self._reader = reader

    def coerce(self, schema: Schema, *, first: int) -> Rows:
        if schema.kind == "array" and self._reader.takes_lists_as_they_are:
            values = dense_json.read(self.piece, features=schema.features)
            plain = None if values is None else numeric.coerce_plain(values, schema)
            if plain is not None:
                self._reader.begin([], schema)
                return plain
        items = self.elements()
        self._reader.begin(items[0], schema)
        return self._reader.read(items, schema, self.piece, first=first)

    def elements(self) -> list[Any]:
        """The rows, parsed. Raises MalformedInput."""
        return self._document.elements(self.piece, self._start)


class JsonTable(Table):
    """One JSON document, read whole, and written unchanged with the predictions and errors."""

    def __init__(
        self,
        source: BinaryIO,
        schema: Schema,
        limits: Limits,
        columns: OutputColumns = PREDICTION_ALONE,
        output: OutputOptions = AS_IT_CAME,
    ) -> None:
        self._source, self._schema, self._limits = source, schema, limits
        self._classes, self._output = columns.classes, output
        self._names: set[str] = set()
        self._predictions: list[Any] = []
        self._errors: dict[str, str] = {}

    def parts(self) -> Iterator[Part]:
        self._body, schema = read_rows(self._source, self._limits), self._schema
        what = "the blob, read as JSON,"
        self._document = JsonDocument(self._body, schema, self._limits, what)
        count = 0
        for part in self._document.parts():
            coerced = part.coerce(schema, first=count)
            schema = gathering.pin_width(schema, coerced)
            size = len(coerced.kept) + len(coerced.errors)
            count += size
            if self._output.names:
                self._names |= self._document.names_of(part)
            yield Part(coerced, range(size))

    def write(self, part: Part, predictions: Sequence[Any]) -> bytes:
        for prediction, error in part.outcomes(predictions):
            if error:
                self._errors[str(len(self._predictions))] = str(error)
            self._predictions.append(prediction)
        return b""

    def end(self) -> Iterator[bytes]:
        if self._predictions:
            self._output.require_names(self._names)
        names = self._document.names
        joined = answer_of(self._predictions, self._classes)
        if self._errors:
            joined["errors"] = self._errors
        joined = {free_name(name, names): value for name, value in joined.items()}
        body = memoryview(self._body.strip())
        if names:  # an object
            body = memoryview(body[:-1].tobytes().rstrip())
        else:
            yield b'{"%s":' % NAMES[0].encode()
        for start in range(0, len(body), PART_BYTES):
            yield bytes(body[start : start + PART_BYTES])
        yield b"," + json_codec.dumps(joined)[1:]


def answer_of(predictions: Sequence[Any], classes: Sequence[Any] | None) -> dict[str, Any]:
    """The members of a document that answers rows; None is a row without a prediction.

    `classes`: where the predictions are labels with their probabilities.
    """
    if classes is None:
        return {"predictions": predictions}
    pairs = [(None, None) if pair is None else pair for pair in predictions]
    labels, probabilities = [label for label, _ in pairs], [each for _, each in pairs]
    return {"predictions": labels, "probabilities": probabilities, "classes": classes}


def is_short(body: bytes) -> bool:
    return len(body) <= json_outline.PIECE_BYTES


def _count_names(document: Any) -> int:
    """The names in a document's objects, as far down as records are."""
    if isinstance(document, list):
        return json_keys.count_names(document)
    if not isinstance(document, dict):
        return 0
    return len(document) + sum(_count_names(document[name]) for name in NAMES if name in document)
