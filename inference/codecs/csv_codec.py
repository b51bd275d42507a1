"""CSV: comma-separated UTF-8, with or without a header line."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from inference.codecs import json_codec
from inference.errors import MalformedInput
from inference.rows import Row
from inference.signature import Signature


def decode(body: bytes, signature: Signature) -> tuple[list[str] | None, list[Row]]:
    """The header, where there is one, and the rows as texts."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MalformedInput(f"the CSV is not UTF-8: {error.reason} at {error.start}") from error
    try:
        lines: list[list[str]] = [
            line for line in csv.reader(io.StringIO(text, newline="")) if line
        ]
    except csv.Error as error:
        raise MalformedInput(f"the body is not CSV: {error}") from error
    if lines and is_header(lines[0], signature):
        return lines[0], list(lines[1:])
    return None, list(lines)


def is_header(line: Sequence[str], signature: Signature) -> bool:
    """Whether a first line names the columns.

    Numbers have no names: no cell is one, and none is empty. Where texts are among the rows, one of
    the model's own names tells.
    """
    if not signature.only_numbers:
        return not set(signature.names or ()).isdisjoint(line)
    return not any(_is_number(cell) for cell in line)


def encode(values: list[Any]) -> bytes:
    """One line a prediction; a prediction of several outputs has several cells."""
    width = len(values[0]) if values and isinstance(values[0], list) else None
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["prediction"] if width is None else [f"prediction_{i}" for i in range(width)])
    for value in values:
        writer.writerow(map(cell, value if width and isinstance(value, list) else [value]))
    return out.getvalue().encode()


def joined(prediction: object) -> str:
    """A whole prediction in one cell: several outputs are parted by semicolons."""
    return ";".join(map(cell, prediction)) if isinstance(prediction, list) else cell(prediction)


def cell(value: object) -> str:
    """A text as it is, nothing for null, all else as in JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else json_codec.dumps(value).decode()


def _is_number(text: str) -> bool:
    try:
        float(text or "nan")
    except ValueError:
        return False
    return True
