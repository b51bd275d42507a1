"""Answers of several columns: a label and the probability of each class.

OutputColumns names them. A JSON answer has `predictions`, `probabilities` and `classes`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from inference.rows import media_types
from inference.rows.formats import json_codec, json_document, load_columnar, npy_codec
from inference.rows.formats.output_columns import OutputColumns, cell

Columns = Mapping[str, Sequence[Any]]


def encode_probabilities(pairs: bytes, columns: OutputColumns, form: str) -> bytes:
    """The answer in one of media_types.FORMATS.

    `pairs`: a JSON list of a label and its probabilities each; both are lists of a model with
    several outputs. `columns` knows the classes.
    """
    rows = orjson.loads(pairs)
    if form == media_types.JSON:
        return json_codec.dumps(json_document.answer_of(rows, columns.classes))
    names, cells = columns.outputs(None), columns.cells(rows)
    by_column = map(list, zip(*cells, strict=True)) if cells else ([] for _ in names)
    return encode_columns(dict(zip(names, by_column, strict=True)), form)


def encode_columns(columns: Columns, form: str) -> bytes:
    """Columns in one of media_types.FORMATS but JSON."""
    rows = zip(*columns.values(), strict=True)
    if form == media_types.CSV:
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([cell(value) for value in row] for row in rows)
        return out.getvalue().encode()
    if form == media_types.JSON_LINES:
        return b"".join(
            orjson.dumps(dict(zip(columns, row, strict=True)), option=orjson.OPT_APPEND_NEWLINE)
            for row in rows
        )
    if form == media_types.NPY:
        arrays = {name: npy_codec.array_of(list(values)) for name, values in columns.items()}
        length = len(next(iter(arrays.values())))
        whole = np.empty(length, [(name, array.dtype) for name, array in arrays.items()])
        for name, array in arrays.items():
            whole[name] = array
        return npy_codec.header(whole.dtype, length) + whole.tobytes()
    written: bytes = load_columnar().encode_columns(columns, form)
    return written
