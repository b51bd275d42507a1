"""Tables that flow: a batch's input read part by part, its output written part by part.

CSV and JSON lines stream in constant memory; a JSON document and a .npy array are read whole.
Every row ends as a prediction or an error, joined to its input:

    CSV         the row, then the cells `prediction` and `error`
    JSON lines  the object (or {"data": row}) with `prediction` or `error`
    JSON        the object (or {"data": rows}) with `predictions`, and `errors` by row
    .npy        a structured array of `data` and `prediction` (NaN for a row that failed)
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

import numpy as np
import orjson

from inference import codecs, fitting, media_types, rows
from inference.codecs import csv_codec, json_codec, json_rows, npy_codec
from inference.errors import CallerError, InputTooLarge, MalformedInput
from inference.signature import Signature

PART_ROWS = 1_000
#: A longer line is no row; reading it whole would take memory without a bound.
MAX_LINE = 4 * 1024 * 1024

Outcome = tuple[Any, Any, CallerError | None]


@dataclass(frozen=True, slots=True)
class Limits:
    """For formats that are read whole."""

    body_bytes: int
    rows: int


@dataclass(frozen=True, slots=True)
class Part:
    """Consecutive rows: as numbers, and as they came."""

    fitted: rows.Rows
    originals: Sequence[Any] | rows.Array

    def outcomes(self, predictions: Sequence[Any]) -> Iterator[Outcome]:
        """Each row as it came, with its prediction or its error."""
        predicted = iter(predictions)
        for index, original in enumerate(self.originals):
            error = self.fitted.errors.get(index)
            yield original, None if error else next(predicted), error


class Table(Protocol):
    """One format, both ways. Both methods block."""

    def parts(self) -> Iterator[Part]:
        """The rows, in order. Raises CallerError where the whole input is unfit."""
        ...

    def write(self, part: Part, predictions: Sequence[Any]) -> bytes:
        """A part with its predictions, one for each row that fits."""
        ...


def open_table(form: str, source: BinaryIO, signature: Signature, limits: Limits) -> Table:
    """The table in `source`, written in `form`, one of media_types.FORMATS."""
    if form == media_types.CSV:
        return CsvTable(source, signature)
    if form == media_types.JSON_LINES:
        return JsonLinesTable(source, signature)
    if form == media_types.NPY:
        return NpyTable(source, signature, limits)
    return JsonTable(source, signature, limits)


class CsvTable:
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
        for cells, prediction, error in part.outcomes(predictions):
            told = ["", str(error)] if error else [csv_codec.cell(prediction), ""]
            writer.writerow([*cells, *told])
        return out.getvalue().encode()

    def _lines(self) -> Iterator[list[str]]:
        reader = csv.reader(_lines(lambda: self._text.readline(MAX_LINE + 1)))
        try:
            yield from (line for line in reader if line)
        except csv.Error as error:
            raise MalformedInput(f"not CSV at line {reader.line_num}: {error}") from error
        except UnicodeDecodeError as error:
            raise MalformedInput(
                f"the CSV is not UTF-8 near line {reader.line_num}: {error.reason}"
            ) from error


class JsonLinesTable:
    """One JSON value a line; a line that is no JSON is that row's error."""

    def __init__(self, source: BinaryIO, signature: Signature) -> None:
        self._source, self._signature = source, signature

    def parts(self) -> Iterator[Part]:
        lines = _lines(lambda: self._source.readline(MAX_LINE + 1))
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
            for original, prediction, error in part.outcomes(predictions)
        )


class JsonTable:
    """One JSON document, read whole."""

    def __init__(self, source: BinaryIO, signature: Signature, limits: Limits) -> None:
        self._source, self._signature, self._limits = source, signature, limits
        self._document: Any = None

    def parts(self) -> Iterator[Part]:
        self._document = json_codec.loads(
            read_whole(self._source, self._limits), "the blob, read as JSON,"
        )
        cells = json_rows.rows_of(self._document, self._signature)
        codecs.check_count(len(cells), self._limits.rows)
        yield Part(fitting.fit(cells, self._signature, text=False), cells)

    def write(self, part: Part, predictions: Sequence[Any]) -> bytes:
        outcomes = list(part.outcomes(predictions))
        whole = self._document if isinstance(self._document, dict) else {"data": self._document}
        joined = whole | {"predictions": [prediction for _, prediction, _ in outcomes]}
        if part.fitted.errors:
            joined["errors"] = {
                str(row): str(error) for row, error in sorted(part.fitted.errors.items())
            }
        return orjson.dumps(joined)


class NpyTable:
    """One array, read whole; it has no room for what was wrong with a row."""

    def __init__(self, source: BinaryIO, signature: Signature, limits: Limits) -> None:
        self._source, self._signature, self._limits = source, signature, limits

    def parts(self) -> Iterator[Part]:
        array = npy_codec.decode(read_whole(self._source, self._limits))
        codecs.check_count(len(array) if array.ndim else 0, self._limits.rows)
        yield Part(fitting.fit_array(array, self._signature), array)

    def write(self, part: Part, predictions: Sequence[Any]) -> bytes:
        predicted = _with_gaps(np.array(predictions), part)
        data = np.asarray(part.originals)
        fields = [
            ("data", data.dtype, data.shape[1:]),
            ("prediction", predicted.dtype, predicted.shape[1:]),
        ]
        joined = np.empty(len(data), dtype=fields)
        joined["data"], joined["prediction"] = data, predicted
        return npy_codec.dump(joined)


def _with_gaps(predicted: rows.Array, part: Part) -> rows.Array:
    """A prediction for every row: nothing, as a text or a number, for one that failed."""
    if predicted.dtype.kind == "O":  # a number that JSON could not say is null
        predicted = predicted.astype(np.float64)
    if not part.fitted.errors:
        return predicted
    is_text = predicted.dtype.kind == "U"
    shape = (len(part.originals), *predicted.shape[1:])
    every: rows.Array = np.full(
        shape, "" if is_text else np.nan, predicted.dtype if is_text else np.float64
    )
    every[part.fitted.kept] = predicted
    return every


def read_whole(source: BinaryIO, limits: Limits) -> bytes:
    """All of a source that must fit into memory. Raises InputTooLarge, MalformedInput."""
    body = source.read(limits.body_bytes + 1)
    if len(body) > limits.body_bytes:
        raise InputTooLarge(
            size=len(body), limit=limits.body_bytes, unit="bytes", setting="MAX_BODY_BYTES"
        )
    if not body:
        raise MalformedInput("the blob is empty")
    return body


def _lines[T: (str, bytes)](readline: Callable[[], T]) -> Iterator[T]:
    while line := readline():
        if len(line) > MAX_LINE:
            raise MalformedInput(f"a line is longer than {MAX_LINE:,} characters")
        yield line


def _line(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return line.decode(errors="replace").strip()  # no list of numbers: the row's error says so
