"""JSON lines: a record, a list, or an object with a row under `data` a line.

A line comes back as it came, with the prediction or error among its names. A line that is no
object comes back under `data`, one that is no JSON as a text under `data`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import orjson

from inference.errors import CallerError, MalformedInput
from inference.limits import Limits
from inference.rows.formats import gathering, json_codec, json_members
from inference.rows.formats.json_rows import NAMES, RowReader
from inference.rows.formats.output_columns import PREDICTION_ALONE, OutputColumns, free_name
from inference.rows.formats.parts import Part, Table
from inference.rows.formats.text_lines import Line, line_parts
from inference.rows.output_options import AS_IT_CAME, OutputOptions
from inference.rows.row_types import Rows
from inference.rows.schema import Schema


def body_parts(body: bytes, schema: Schema, limits: Limits) -> Iterator[gathering.Part]:
    """The rows of a body; blank lines are skipped. Raises CallerError."""
    reader, count = RowReader(schema, lines=True), 0
    for lines in line_parts(io.BytesIO(body), max_blank=limits.rows):
        count += len(lines)
        limits.check_rows(count, at_least=True)
        yield LinesPart(lines, reader)


class LinesPart(gathering.Part):
    """Some of the lines."""

    def __init__(self, lines: Sequence[Line], reader: RowReader) -> None:
        self._lines, self._reader = lines, reader

    def coerce(self, schema: Schema, *, first: int) -> Rows:
        """A line that is no JSON is that row's error."""
        texts = [line.text for line in self._lines]
        errors: dict[int, CallerError] = {}
        try:
            items: list[Any] = list(map(orjson.loads, texts))
        except orjson.JSONDecodeError:
            items, texts = [], []
            for index, line in enumerate(self._lines):
                try:
                    items.append(json_codec.loads(line.text, f"line {line.number:,}"))
                    texts.append(line.text)
                except MalformedInput as error:
                    errors[index] = error
                    items.append(None)
                    texts.append(b"null")
        rows = self._reader.read(items, schema, b"[%b]" % b",".join(texts), first=first)
        rows.errors.update(errors)
        return rows


class JsonLinesTable(Table):
    """Reads and writes line by line."""

    def __init__(
        self,
        source: BinaryIO,
        schema: Schema,
        columns: OutputColumns = PREDICTION_ALONE,
        output: OutputOptions = AS_IT_CAME,
    ) -> None:
        self._source, self._schema, self._columns, self._output = source, schema, columns, output
        #: The caller's names that ours must not replace.
        self._taken: set[str] = set(filter(output.has, schema.names or ()))
        #: Of the names that the options mention, those that no line had.
        self._missing = set(output.names)
        self._has_rows = False

    def parts(self) -> Iterator[Part]:
        schema, count = self._schema, 0
        reader = RowReader(schema, lines=True)
        for lines in line_parts(self._source, max_blank=None):
            coerced = LinesPart(lines, reader).coerce(schema, first=count)
            schema = gathering.pin_width(schema, coerced)
            count += len(lines)
            self._has_rows = True
            yield Part(coerced, lines)

    def write(self, part: Part, predictions: Sequence[Any]) -> bytes:
        outcomes = part.outcomes(self._columns.cells(predictions))
        return b"".join(
            self._written(line.text, prediction, error)
            for line, (prediction, error) in zip(part.originals, outcomes, strict=True)
        )

    def _written(self, line: bytes, prediction: Any, error: CallerError | None) -> bytes:
        ours = {self._columns.names.error: str(error)} if error else self._outputs(prediction)
        if isinstance(error, MalformedInput):
            line = orjson.dumps(line.decode(errors="replace"))
        if not line.startswith(b"{"):
            return b'{"%b":%b,%b' % (NAMES[0].encode(), line, self._members(ours))
        if self._missing or self._output.selects:
            line = self._selected(line)
        if b"\\" in line or any(name.encode() in line for name in ours):
            self._taken.update(orjson.loads(line))
        head = line[:-1].rstrip()
        return b"%b%b%b" % (head, b"" if head == b"{" else b",", self._members(ours))

    def end(self) -> Iterator[bytes]:
        """Raises UnfitInput for a name in the options that no line had."""
        if self._missing and self._has_rows:
            self._output.require_names({*self._output.names} - self._missing)
        return iter(())

    def _selected(self, line: bytes) -> bytes:
        """A record with the members that the output has."""
        found = json_members.members(line.decode())
        self._missing -= found.keys()
        if not self._output.selects:
            return line
        kept = (
            b"%b:%b" % (orjson.dumps(name), value.encode())
            for name, value in found.items()
            if self._output.has(name)
        )
        return b"{%b}" % b",".join(kept)

    def _members(self, ours: dict[str, Any]) -> bytes:
        """The end of a line, from our first name on."""
        if not self._taken.isdisjoint(ours):
            ours = {free_name(name, self._taken): value for name, value in ours.items()}
        return json_codec.dumps(ours)[1:] + b"\n"

    def _outputs(self, prediction: Any) -> dict[str, Any]:
        """The name and value of each cell of a prediction."""
        if not isinstance(prediction, list):
            return {self._columns.names.prediction: prediction}
        return dict(zip(self._columns.outputs(len(prediction)), prediction, strict=True))
