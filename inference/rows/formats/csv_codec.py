"""CSV: comma-separated UTF-8, with or without a header line."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from inference.errors import MalformedInput
from inference.limits import Limits
from inference.rows import row_types
from inference.rows.formats import json_codec
from inference.rows.formats.gathering import CellsPart
from inference.rows.formats.lines import Lines, batched, without_blank
from inference.rows.row_types import Row
from inference.rows.schema import Schema


class CsvRows:
    """The rows of a CSV as texts. Reading them raises MalformedInput.

    `max_blank`: how many blank lines are allowed.
    """

    def __init__(self, source: BinaryIO, schema: Schema, *, max_blank: int | None) -> None:
        text = io.TextIOWrapper(source, "utf-8-sig", newline="")
        self._lines = Lines(text.readline, ",")
        records = without_blank(self._records(), max_blank)
        first = next(records, [])
        #: The names of the columns; None without a header.
        self.header = first if first and is_header(first, schema) else None
        if self.header is None and first:
            records = itertools.chain([first], records)
        #: Lists of rows, a part each.
        self.batches = batched(records, self._lines)

    def _records(self) -> Iterator[list[str]]:
        reader = csv.reader(self._lines)
        try:
            yield from reader
        except csv.Error as error:
            raise MalformedInput(f"not CSV at line {reader.line_num}: {error}") from error
        except UnicodeDecodeError as error:
            raise MalformedInput(
                f"the CSV is not UTF-8 near line {reader.line_num}: {error.reason}"
            ) from error


def parts(body: bytes, schema: Schema, limits: Limits) -> Iterator[CellsPart]:
    """A body's rows. Raises CallerError."""
    found = CsvRows(io.BytesIO(body), schema, max_blank=limits.rows)
    order = None if found.header is None else schema.order(found.header)
    count = 0
    for batch in found.batches:
        count += len(batch)
        limits.check_rows(count, at_least=True)
        yield CellsPart(row_types.reorder(batch, order, len(found.header or ())), text=True)
    limits.check_rows(count)


def decode(body: bytes, schema: Schema) -> tuple[list[str] | None, list[Row]]:
    """The header or None, and the rows as texts. Raises MalformedInput."""
    found = CsvRows(io.BytesIO(body), schema, max_blank=None)
    return found.header, list(itertools.chain.from_iterable(found.batches))


def is_header(line: Sequence[str], schema: Schema) -> bool:
    """Whether a first line names the columns.

    For rows of numbers: no cell is a number, and none is empty. For rows with texts: a cell is one
    of the model's names.
    """
    if not schema.only_numbers:
        return not set(schema.names or ()).isdisjoint(line)
    return not any(_is_number(cell) for cell in line)


def encode(values: list[Any]) -> bytes:
    """One line per prediction, and one cell per output."""
    width = len(values[0]) if values and isinstance(values[0], list) else None
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["prediction"] if width is None else [f"prediction_{i}" for i in range(width)])
    for value in values:
        writer.writerow(map(cell, value if width and isinstance(value, list) else [value]))
    return out.getvalue().encode()


def joined(prediction: object) -> str:
    """A prediction in one cell; semicolons separate several outputs."""
    return ";".join(map(cell, prediction)) if isinstance(prediction, list) else cell(prediction)


def cell(value: object) -> str:
    """A text unchanged, null as an empty cell, anything else as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else json_codec.dumps(value).decode()


def _is_number(text: str) -> bool:
    try:
        float(text or "nan")
    except ValueError:
        return False
    return True
