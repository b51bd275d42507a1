"""CSV: the row, then the cells `prediction` and `error`."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from inference import fitting, rows
from inference.codecs import csv_codec
from inference.errors import MalformedInput
from inference.signature import Signature
from inference.tables.parts import MAX_LINE, PART_ROWS, Part, Table, lines_of


class CsvTable(Table):
    """Comma-separated UTF-8; quoted line breaks allowed."""

    def __init__(self, source: BinaryIO, signature: Signature) -> None:
        self._text = io.TextIOWrapper(source, "utf-8-sig", newline="")
        self._signature = signature
        self._header: list[str] | None = None

    def parts(self) -> Iterator[Part]:
        lines = self._lines()
        first = next(lines, None)
        if first is None:
            return
        order = None
        if csv_codec.is_header(first, self._signature):
            self._header = first
            order = self._signature.order(first)
        else:
            lines = itertools.chain([first], lines)
        count = 0
        for batch in itertools.batched(lines, PART_ROWS, strict=False):
            cells = rows.reorder(batch, order, len(first))
            yield Part(fitting.fit(cells, self._signature, text=True, first=count), batch)
            count += len(batch)

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

    def _lines(self) -> Iterator[list[str]]:
        reader = csv.reader(lines_of(lambda: self._text.readline(MAX_LINE + 1)))
        try:
            yield from (line for line in reader if line)
        except csv.Error as error:
            raise MalformedInput(f"not CSV at line {reader.line_num}: {error}") from error
        except UnicodeDecodeError as error:
            raise MalformedInput(
                f"the CSV is not UTF-8 near line {reader.line_num}: {error.reason}"
            ) from error
