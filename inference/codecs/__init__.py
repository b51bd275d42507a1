"""Formats: bodies to rows, predictions to bodies.

Predictions are kept as JSON, the one form that every answer is made from, so that a stored answer
and a fresh one are the same bytes in every format.
"""

from __future__ import annotations

from inference import fitting, media_types, rows
from inference.codecs import csv_codec, json_codec, npy_codec
from inference.errors import InputTooLarge, MalformedInput, UnfitInput
from inference.signature import Signature


def decode(body: bytes, content_type: str, signature: Signature, *, max_rows: int) -> rows.Rows:
    """Read a whole body as rows that the model takes. Raises CallerError."""
    if not body:
        raise MalformedInput("the body is empty; send rows, for example as JSON {'data': [[…]]}")
    form = media_types.format_of(content_type, body)
    if form == media_types.NPY:
        array = npy_codec.decode(body)
        check_count(len(array) if array.ndim else 0, max_rows)
        return fitting.fit_array(array, signature)
    columns: list[str] | None = None
    cells: list[rows.Row]
    if form == media_types.CSV:
        columns, cells = csv_codec.decode(body, signature)
    elif form == media_types.JSON_LINES:
        cells = json_codec.decode_lines(body, signature)
    else:
        cells = json_codec.decode(body, signature)
    check_count(len(cells), max_rows)
    if columns is not None:
        cells = rows.reorder(cells, signature.order(columns), len(columns))
    return fitting.fit(cells, signature, text=form == media_types.CSV)


def encode(predictions: bytes, form: str) -> bytes:
    """Write predictions, kept as JSON, in one of media_types.FORMATS."""
    if form == media_types.JSON:
        return predictions
    values = json_codec.as_list(predictions, form)
    if form == media_types.JSON_LINES:
        return json_codec.encode_lines(values)
    return csv_codec.encode(values) if form == media_types.CSV else npy_codec.encode(values)


def check_count(count: int, max_rows: int) -> None:
    """Raises UnfitInput for no row, InputTooLarge for too many."""
    if count == 0:
        raise UnfitInput(field="data", expected="at least one row", got="none")
    if count > max_rows:
        raise InputTooLarge(size=count, limit=max_rows, unit="rows", setting="MAX_ROWS")
