"""Consecutive rows of a CSV: their lines, and how they are converted to the model's types."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence

from inference.errors import CallerError, UnfitInput
from inference.limits import rows_per_part
from inference.rows import coercion, row_types
from inference.rows.formats.csv_header import Header
from inference.rows.formats.csv_lines import decode
from inference.rows.formats.gathering import join, pin_width
from inference.rows.row_types import Row, Rows
from inference.rows.schema import Schema

_DECIMAL_COMMA = re.compile(r"'\s*[+-]?[\d.]*\d,\d+\s*'")


class CsvPart:
    """At least one row.

    `read_at_once` converts the rows without making their cells; it returns None where one of them
    may be wrong or unusual. Without it, a part has as many rows as limits.rows_per_part says.
    """

    def __init__(
        self,
        lines: Sequence[bytes],
        header: Header | None,
        delimiter: str,
        *,
        read_at_once: Callable[[Schema], Rows | None] | None = None,
        cells: Sequence[Row] | None = None,
        number: int = 0,
    ) -> None:
        #: Each row's own bytes, without its line end.
        self.lines = lines
        self._header, self._delimiter = header, delimiter
        self._read_at_once, self._cells = read_at_once, cells
        #: Lines before the first one.
        self._number = number

    def __len__(self) -> int:
        return len(self.lines)

    def coerce(self, schema: Schema, *, first: int) -> Rows:
        """Convert to the model's types. Raises CallerError. `first`: the first row's number."""
        if self._read_at_once is None:
            return self._coerce_cells(schema, first)
        rows = self._read_at_once(schema)
        return self._coerce_pieces(schema, first) if rows is None else rows

    def cells(self) -> Sequence[Row]:
        """Each row's cells, all columns in the order of the file."""
        if self._cells is not None:
            return self._cells
        texts = (decode(line, at) for at, line in enumerate(self.lines, self._number + 1))
        return list(csv.reader(texts, delimiter=self._delimiter))

    def _coerce_cells(self, schema: Schema, first: int) -> Rows:
        cells, header = self.cells(), self._header
        if header is not None:
            cells = row_types.reorder(cells, header.order, len(header.names))
        rows = coercion.coerce_rows(cells, schema, text=True, first=first)
        if rows.errors:
            _explain_decimal_commas(rows.errors, refuse=not first and self._delimiter != ",")
        return rows

    def _coerce_pieces(self, schema: Schema, first: int) -> Rows:
        size = rows_per_part(self.lines[0].count(self._delimiter.encode()) + 1)
        pieces: list[Rows] = []
        for at in range(0, len(self.lines), size):
            lines = self.lines[at : at + size]
            piece = CsvPart(lines, self._header, self._delimiter, number=self._number + at)
            pieces.append(piece.coerce(schema, first=first + at))
            schema = pin_width(schema, pieces[-1])
        return join(pieces)


def _explain_decimal_commas(errors: dict[int, CallerError], *, refuse: bool) -> None:
    """Say of numbers like 1,5 how to write them. Raises UnfitInput for the first one: `refuse`."""
    for index, error in errors.items():
        if isinstance(error, UnfitInput) and _DECIMAL_COMMA.fullmatch(error.got):
            expected = f"{error.expected} with a decimal point (decimal commas are not read)"
            errors[index] = UnfitInput(field=error.field, expected=expected, got=error.got)
            if refuse:
                raise errors[index]
