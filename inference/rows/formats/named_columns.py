"""Answers of several columns: predictions, and the probability of each class.

    prediction                      prediction_0, prediction_1, … of a model with several outputs
    probability_<class>             probability_<output>_<class> of a model with several outputs

A JSON answer has them as `predictions`, `probabilities` and `classes`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from inference.rows import media_types
from inference.rows.formats import csv_writer, json_codec, load_columnar, npy_codec

Columns = Mapping[str, Sequence[Any]]


def encode_probabilities(pairs: bytes, classes: Sequence[Any], form: str) -> bytes:
    """The answer in one of media_types.FORMATS.

    `pairs`: a JSON list of a label and its probabilities each; both are lists of a model with
    several outputs. `classes`: in the order of the probabilities.
    """
    rows = orjson.loads(pairs)
    labels = [label for label, _ in rows]
    probabilities = [probability for _, probability in rows]
    if form == media_types.JSON:
        document = {"predictions": labels, "probabilities": probabilities, "classes": classes}
        return json_codec.dumps(document)
    return encode_columns(columns_of(labels, probabilities, classes), form)


def columns_of(
    labels: Sequence[Any], probabilities: Sequence[Any], classes: Sequence[Any]
) -> dict[str, list[Any]]:
    """Named columns, each with a value a row."""
    several = bool(classes) and isinstance(classes[0], list)
    if not several:
        columns = {"prediction": list(labels)}
        names = [f"probability_{csv_writer.cell(each)}" for each in classes]
        return columns | _beside(names, probabilities)
    columns = _beside([f"prediction_{at}" for at in range(len(classes))], labels)
    for at, known in enumerate(classes):
        names = [f"probability_{at}_{csv_writer.cell(each)}" for each in known]
        columns |= _beside(names, [row[at] for row in probabilities])
    return columns


def encode_columns(columns: Columns, form: str) -> bytes:
    """Columns in one of media_types.FORMATS but JSON."""
    rows = zip(*columns.values(), strict=True)
    if form == media_types.CSV:
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([csv_writer.cell(value) for value in row] for row in rows)
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


def _beside(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, list[Any]]:
    return {name: [row[at] for row in rows] for at, name in enumerate(names)}
