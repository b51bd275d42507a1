"""JSON lines: a record, a list, or an object with a row under `data` a line.

A line comes back as it came, with the prediction or error among its names. A line that is no
object comes back under `data`, one that is no JSON as a text under `data`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
import orjson

from inference.errors import CallerError, MalformedInput
from inference.limits import PART_CELLS, Limits
from inference.rows.formats import gathering, json_codec, json_members
from inference.rows.formats.json_row_reader import RowReader
from inference.rows.formats.json_rows import NAMES
from inference.rows.formats.output_columns import PREDICTION_ALONE, OutputColumns, free_name
from inference.rows.formats.parts import Part, Table
from inference.rows.formats.text_lines import Lines, line_parts
from inference.rows.output_options import AS_IT_CAME, OutputOptions
from inference.rows.row_types import Rows
from inference.rows.schema import Schema

_OPENING = ord("{")
#: Predictions whose JSON has no comma.
_SINGLE = {int, float, bool, type(None)}


def body_parts(body: bytes, schema: Schema, limits: Limits) -> Iterator[gathering.Part]:
    """The rows of a body; blank lines are skipped. Raises CallerError."""
    reader, count = RowReader(schema, lines=True), 0
    for lines in line_parts(io.BytesIO(body), max_blank=limits.rows):
        count += len(lines.texts)
        limits.check_rows(count, at_least=True)
        yield LinesPart(lines, reader)


class LinesPart(gathering.Part):
    """Some of the lines."""

    def __init__(self, lines: Lines, reader: RowReader) -> None:
        self._lines, self._reader = lines, reader

    def coerce(self, schema: Schema, *, first: int) -> Rows:
        """A line that is no JSON is that row's error."""
        texts, numbers = self._lines
        pieces: list[Rows] = []
        start = 0
        for end in _piece_ends(texts):
            piece = self._read(texts[start:end], numbers[start:end], schema, first + start)
            pieces.append(piece)
            schema = gathering.pin_width(schema, piece)
            start = end
        return pieces[0] if len(pieces) == 1 else gathering.join(pieces)

    def _read(
        self, texts: Sequence[bytes], numbers: Sequence[int], schema: Schema, first: int
    ) -> Rows:
        errors: dict[int, CallerError] = {}
        try:
            items: list[Any] = list(map(orjson.loads, texts))
        except orjson.JSONDecodeError:
            items, texts = [], list(texts)
            for index, number in enumerate(numbers):
                try:
                    items.append(json_codec.loads(texts[index], f"line {number:,}"))
                except MalformedInput as error:
                    errors[index] = error
                    items.append(None)
                    texts[index] = b"null"
        rows = self._reader.read(items, schema, b"[%b]" % b",".join(texts), first=first)
        rows.errors.update(errors)
        return rows


def _piece_ends(texts: Sequence[bytes]) -> list[int]:
    """Where to cut, so that a piece has at most PART_CELLS cells, or one line."""
    if sum(map(len, texts)) <= PART_CELLS:
        return [len(texts)]
    commas = np.flatnonzero(np.frombuffer(b",".join(texts), np.uint8) == ord(","))
    if len(commas) <= PART_CELLS:
        return [len(texts)]
    line_ends = np.cumsum(list(map(len, texts))) + np.arange(len(texts))
    cells = np.searchsorted(commas, line_ends) + 1  # up to and including each line
    ends, before = list[int](), 0
    while not ends or ends[-1] < len(texts):
        last = ends[-1] if ends else 0
        ends.append(max(last + 1, int(np.searchsorted(cells, before + PART_CELLS, "right"))))
        before = int(cells[ends[-1] - 1])
    return ends


def _may_name(text: bytes, name: str) -> bool:
    """Whether a JSON text may have an object with this name."""
    if not name.isidentifier() or name.encode() in text:
        return True
    return b"\\" in text and b"\\u" in text  # the only way to spell a letter differently


def line_rows(source: BinaryIO, schema: Schema) -> Iterator[Part]:
    """The rows of a file, with their lines. Reading raises CallerError."""
    reader, count = RowReader(schema, lines=True), 0
    for lines in line_parts(source, max_blank=None):
        coerced = LinesPart(lines, reader).coerce(schema, first=count)
        schema = gathering.pin_width(schema, coerced)
        count += len(lines.texts)
        yield Part(coerced, lines.texts)


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
        for part in line_rows(self._source, self._schema):
            self._has_rows = True
            yield part

    def write(self, part: Part, predictions: Sequence[Any]) -> bytes:
        cells = self._columns.cells(predictions)
        if not (part.coerced.errors or self._missing or self._output.selects):
            written = self._written_at_once(part.originals, cells)
            if written is not None:
                return written
        return b"".join(
            self._written(line, prediction, error)
            for line, (prediction, error) in zip(part.originals, part.outcomes(cells), strict=True)
        )

    def _written_at_once(self, lines: Sequence[bytes], predictions: Sequence[Any]) -> bytes | None:
        """Records without any of our names, and single predictions; None if there are others."""
        name = self._columns.names.prediction
        if name in self._taken or not set(map(type, predictions)) <= _SINGLE:
            return None
        heads = [line[:-1].rstrip() for line in lines if line[0] == _OPENING]
        if len(heads) < len(lines) or b"{" in heads or _may_name(b"".join(heads), name):
            return None
        values = json_codec.dumps(predictions)[1:-1].split(b",")
        middle = b',"%b":' % name.encode()
        pieces = zip(heads, values, strict=True)
        return b"".join([b"%b%b%b}\n" % (head, middle, value) for head, value in pieces])

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
