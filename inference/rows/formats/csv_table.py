"""CSV: the row, then the cells `prediction` and `error`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from inference.rows import coercion, row_types
from inference.rows.formats import csv_codec
from inference.rows.formats.csv_codec import CsvRows
from inference.rows.formats.gathering import pin_width
from inference.rows.formats.parts import Part, Table
from inference.rows.schema import Schema


class CsvTable(Table):
    """Comma-separated UTF-8; quoted line breaks allowed."""

    def __init__(self, source: BinaryIO, schema: Schema) -> None:
        self._source, self._schema = source, schema
        self._header: list[str] | None = None

    def parts(self) -> Iterator[Part]:
        found, schema = CsvRows(self._source, self._schema, max_blank=None), self._schema
        self._header = found.header
        order = None if found.header is None else schema.order(found.header)
        columns, count = len(found.header or ()), 0
        for batch in found.batches:
            cells = row_types.reorder(batch, order, columns)
            coerced = coercion.coerce_rows(cells, schema, text=True, first=count)
            schema = pin_width(schema, coerced)
            count += len(batch)
            yield Part(coerced, batch)

    def write(self, part: Part, predictions: Sequence[Any]) -> bytes:
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        if self._header is not None:
            writer.writerow([*self._header, "prediction", "error"])
            self._header = None
        outcomes = part.outcomes(predictions)
        for cells, (prediction, error) in zip(part.originals, outcomes, strict=True):
            told = ["", str(error)] if error else [csv_codec.joined(prediction), ""]
            writer.writerow([*cells, *told])
        return out.getvalue().encode()
