"""Formats: bodies to rows, predictions to bodies.

Predictions are kept as JSON, the one form that every answer is made from, so that a stored answer
and a fresh one are the same bytes in every format.
"""

from __future__ import annotations

from types import ModuleType

from inference import fitting, media_types, numeric, rows
from inference.codecs import csv_codec, dense_json, json_codec, npy_codec
from inference.errors import (
    InputTooLarge,
    MalformedInput,
    UnacceptableAnswer,
    UnfitInput,
    UnsupportedType,
)
from inference.settings import InferenceSettings
from inference.signature import Signature


def decode(
    body: bytes,
    content_type: str,
    signature: Signature,
    *,
    max_rows: int,
    max_bytes: int = InferenceSettings.max_body_bytes,
) -> rows.Rows:
    """Read a whole body as rows that the model takes. Raises CallerError.

    `max_bytes`: what a packed format may unpack to.
    """
    if not body:
        raise MalformedInput("the body is empty; send rows, for example as JSON {'data': [[…]]}")
    form = media_types.format_of(content_type, body)
    if form == media_types.NPY:
        array = npy_codec.decode(body)
        check_count(len(array) if array.ndim else 0, max_rows)
        return fitting.fit_array(array, signature)
    if form in media_types.COLUMNAR:
        found: rows.Rows = by_column(form).decode(
            body, form, signature, max_rows=max_rows, max_bytes=max_bytes
        )
        return found
    columns: list[str] | None = None
    cells: list[rows.Row]
    if form == media_types.CSV:
        columns, cells = csv_codec.decode(body, signature)
    elif form == media_types.JSON_LINES:
        cells = json_codec.decode_lines(body, signature)
    else:
        if (plain := _dense(body, signature, max_rows)) is not None:
            return plain
        cells = json_codec.decode(body, signature)
    check_count(len(cells), max_rows)
    if columns is not None:
        cells = rows.reorder(cells, signature.order(columns), len(columns))
    return fitting.fit(cells, signature, text=form == media_types.CSV)


def _dense(body: bytes, signature: Signature, max_rows: int) -> rows.Rows | None:
    """The quick way for most bodies; None where it can't be taken."""
    if signature.kind != "array":
        return None
    values = dense_json.read(body, features=signature.features, max_rows=max_rows)
    return None if values is None else numeric.fit_plain(values)


def encode(predictions: bytes, form: str) -> bytes:
    """Write predictions, kept as JSON, in one of media_types.FORMATS."""
    if form == media_types.JSON:
        return predictions
    values = json_codec.as_list(predictions, form)
    if form == media_types.JSON_LINES:
        return json_codec.encode_lines(values)
    if form in media_types.COLUMNAR:
        try:
            written: bytes = by_column(form).encode(values, form)
        except UnsupportedType as error:
            raise UnacceptableAnswer(
                got=f"{form} without pyarrow", supported=error.supported
            ) from error
        return written
    return csv_codec.encode(values) if form == media_types.CSV else npy_codec.encode(values)


def by_column(form: str) -> ModuleType:
    """inference.codecs.columnar. Raises UnsupportedType where pyarrow is not installed."""
    try:
        from inference.codecs import columnar  # noqa: PLC0415 - only where such a body comes
    except ModuleNotFoundError as error:
        others = tuple(each for each in media_types.FORMATS if each not in media_types.COLUMNAR)
        why = "needs pyarrow, which is not installed (add it to requirements.txt)"
        raise UnsupportedType(got=form, supported=others, why=why) from error
    return columnar


def check_count(count: int, max_rows: int) -> None:
    """Raises UnfitInput for no row, InputTooLarge for too many."""
    if count == 0:
        raise UnfitInput(field="data", expected="at least one row", got="none")
    if count > max_rows:
        raise InputTooLarge(size=count, limit=max_rows, unit="rows", setting="MAX_ROWS")
