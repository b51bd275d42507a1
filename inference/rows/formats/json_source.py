"""The columns of JSON lines and documents for an output of another format, or of some columns.

A cell is the JSON text that it came as, so that no digit is lost; null is a member that a record
lacks. Which columns there are is known when all rows are read: SpooledRows waits for that.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import orjson
import pyarrow as pa

from inference.errors import MalformedInput
from inference.limits import Limits
from inference.rows.formats import gathering
from inference.rows.formats.csv_source import column_names, no_columns
from inference.rows.formats.json_document import JsonDocument, JsonPart
from inference.rows.formats.json_lines import line_rows
from inference.rows.formats.json_members import elements, members
from inference.rows.formats.json_outline import Outline, Span
from inference.rows.formats.json_rows import NAMES
from inference.rows.formats.parts import HeaderLine, Part, read_rows
from inference.rows.output_options import OutputOptions
from inference.rows.schema import Schema

#: Marks a column of JSON texts.
JSON_CELLS = {b"triscore": b"json"}


class _JsonSource:
    """`originals` of its parts are the rows' JSON texts."""

    header: HeaderLine | None = None
    #: Of a part; they differ.
    schema = pa.schema([])

    def __init__(
        self, source: BinaryIO, schema: Schema, limits: Limits, output: OutputOptions
    ) -> None:
        self._source, self._schema, self._limits = source, schema, limits
        self._output, self._missing = output, set(output.names)
        self._has_rows = False
        #: Of rows that are lists, where the document says it.
        self._listed: Sequence[str] | None = None

    def batch(self, part: Part) -> pa.RecordBatch:
        """The columns that the records of the part have."""
        rows: list[str] = part.originals
        self._has_rows = True
        errors = part.coerced.errors
        records = [
            {NAMES[0]: orjson.dumps(row).decode()}
            if isinstance(errors.get(at), MalformedInput)
            else self._record(row)
            for at, row in enumerate(rows)
        ]
        names = dict.fromkeys(itertools.chain.from_iterable(records))
        self._missing -= names.keys()
        kept = [name for name in names if self._output.has(name)]
        if not kept:
            return no_columns(len(rows))
        fields = [pa.field(name, pa.large_string(), metadata=JSON_CELLS) for name in kept]
        arrays = [
            pa.array([record.get(name) for record in records], pa.large_string()) for name in kept
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))

    def end(self) -> None:
        """Raises UnfitInput for a name in the options that no record had."""
        if self._missing and self._has_rows:
            self._output.require_names({*self._output.names} - self._missing)

    def _record(self, text: str) -> dict[str, str]:
        """A row's cells by name."""
        if text.startswith("{"):
            return members(text)
        if not text.startswith("["):
            return {(self._schema.names or NAMES)[0]: text}
        cells = list(elements(text))
        names = self._listed
        if names is None or len(names) != len(cells):
            names = column_names(self._schema, len(cells))
        return dict(zip(names, cells, strict=True))


class JsonLinesSource(_JsonSource):
    """Of lines, read as JsonLinesTable reads them."""

    def parts(self) -> Iterator[Part]:
        for part in line_rows(self._source, self._schema):
            yield Part(part.coerced, [text.decode(errors="replace") for text in part.originals])


class JsonDocumentSource(_JsonSource):
    """Of the rows of a document."""

    def parts(self) -> Iterator[Part]:
        body, schema = read_rows(self._source, self._limits), self._schema
        document = JsonDocument(body, schema, self._limits, "the blob, read as JSON,")
        self._listed = document.layout.columns
        count, named = 0, document.layout.named
        by_column = None if named is None else _by_column(document.outline, named)
        for part in document.parts():
            coerced = part.coerce(schema, first=count)
            schema = gathering.pin_width(schema, coerced)
            size = len(coerced.kept) + len(coerced.errors)
            count += size
            if by_column is not None:
                yield Part(coerced, list(itertools.islice(by_column, size)))
            elif isinstance(part, JsonPart):
                yield Part(coerced, list(elements(part.piece.decode())))


def _by_column(outline: Outline, named: Mapping[str, Any]) -> Iterator[str]:
    """Rows as records, of columns that stand one after the other."""
    names = [orjson.dumps(name).decode() for name in named]
    columns = [_cells(outline, values) for values in named.values()]
    for cells in itertools.zip_longest(*columns, fillvalue="null"):
        members_of = (f"{name}:{cell}" for name, cell in zip(names, cells, strict=True))
        yield "{" + ",".join(members_of) + "}"


def _cells(outline: Outline, values: list[Any] | Span) -> Iterator[str]:
    if not isinstance(values, Span):
        return (orjson.dumps(value).decode() for value in values)
    pieces = (piece.decode() for piece, _ in outline.pieces(values))
    return itertools.chain.from_iterable(map(elements, pieces))
