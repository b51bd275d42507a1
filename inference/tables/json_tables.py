"""JSON lines: the object (or {"data": row}) with `prediction` or `error`.

JSON: the object (or {"data": rows}) with `predictions`, and `errors` by row.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import orjson

from inference import codecs, fitting
from inference.codecs import json_codec, json_rows
from inference.signature import Signature
from inference.tables.parts import (
    MAX_LINE,
    PART_ROWS,
    Limits,
    Part,
    Table,
    lines_of,
    read_rows,
)


class JsonLinesTable(Table):
    """One JSON value a line; a line that is no JSON is that row's error."""

    def __init__(self, source: BinaryIO, signature: Signature) -> None:
        self._source, self._signature = source, signature

    def parts(self) -> Iterator[Part]:
        lines = lines_of(lambda: self._source.readline(MAX_LINE + 1))
        documents = (_line(line) for line in lines if line.strip())
        count = 0
        for batch in itertools.batched(documents, PART_ROWS, strict=False):
            cells = json_rows.line_rows(batch, self._signature)
            yield Part(fitting.fit(cells, self._signature, text=False, first=count), batch)
            count += len(batch)

    def write(self, part: Part, predictions: Sequence[Any]) -> bytes:
        return b"".join(
            orjson.dumps(
                (original if isinstance(original, dict) else {"data": original})
                | ({"error": str(error)} if error else {"prediction": prediction}),
                option=orjson.OPT_APPEND_NEWLINE,
            )
            for original, (prediction, error) in zip(
                part.originals, part.outcomes(predictions), strict=True
            )
        )


class JsonTable(Table):
    """One JSON document, read whole."""

    def __init__(self, source: BinaryIO, signature: Signature, limits: Limits) -> None:
        self._source, self._signature, self._limits = source, signature, limits
        self._document: Any = None

    def parts(self) -> Iterator[Part]:
        self._document = json_codec.loads(
            read_rows(self._source, self._limits), "the blob, read as JSON,"
        )
        cells = json_rows.rows_of(self._document, self._signature)
        codecs.check_count(len(cells), self._limits.rows)
        yield Part(fitting.fit(cells, self._signature, text=False), cells)

    def write(self, part: Part, predictions: Sequence[Any]) -> bytes:
        whole = self._document if isinstance(self._document, dict) else {"data": self._document}
        joined = whole | {"predictions": [told for told, _ in part.outcomes(predictions)]}
        if part.fitted.errors:
            joined["errors"] = {
                str(row): str(error) for row, error in sorted(part.fitted.errors.items())
            }
        return orjson.dumps(joined)


def _line(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return line.decode(errors="replace").strip()  # no list of numbers: the row's error says so
