"""Tables of any format, written for a test and read back after they were scored."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from inference.rows import media_types

Columns = Mapping[str, Sequence[Any]]


def write(form: str, columns: Columns) -> bytes:
    """Named columns; .npy has their numbers alone."""
    rows = list(zip(*columns.values(), strict=True))
    if form == media_types.CSV:
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
        return out.getvalue().encode()
    records = [dict(zip(columns, row, strict=True)) for row in rows]
    if form == media_types.JSON_LINES:
        return b"".join(orjson.dumps(record) + b"\n" for record in records)
    if form == media_types.JSON:
        return orjson.dumps({"data": records})
    target = io.BytesIO()
    if form == media_types.NPY:
        np.save(target, np.array(rows, float))
        return target.getvalue()
    table = pa.table({name: list(cells) for name, cells in columns.items()})
    if form == media_types.PARQUET:
        pq.write_table(table, target)
        return target.getvalue()
    new = pa.ipc.new_file if form == media_types.ARROW_FILE else pa.ipc.new_stream
    with new(target, table.schema) as stream:
        stream.write_table(table)
    return target.getvalue()


def read(form: str, body: bytes) -> dict[str, list[Any]]:
    """The columns of a scored table, ours behind. A missing value is None, also in CSV and .npy."""
    if form == media_types.CSV:
        names, *rows = csv.reader(io.StringIO(body.decode()))
        return {name: [_parsed(row[at]) for row in rows] for at, name in enumerate(names)}
    if form == media_types.JSON_LINES:
        return _columns([orjson.loads(line) for line in body.splitlines()])
    if form == media_types.JSON:
        return _of_document(orjson.loads(body))
    if form == media_types.NPY:
        array = np.load(io.BytesIO(body), allow_pickle=False)
        return {name: _plain(array[name]) for name in array.dtype.names}
    if form == media_types.PARQUET:
        return dict(pq.read_table(io.BytesIO(body)).to_pydict())
    opened = pa.ipc.open_file if form == media_types.ARROW_FILE else pa.ipc.open_stream
    return dict(opened(body).read_all().to_pydict())


def _of_document(document: dict[str, Any]) -> dict[str, list[Any]]:
    """As columns: JSON has labels, probabilities by row, and errors by number of row."""
    columns = _columns(document["data"])
    labels, classes = document["predictions"], document.get("classes")
    for probabilities, known, ours in _outputs(document, classes):
        for at, each in enumerate(known):
            cells = [None if row is None else row[at] for row in probabilities]
            columns[f"probability_{ours}{_text(each)}"] = cells
    several = next((label for label in labels if label is not None), None)
    if isinstance(several, list):
        for at in range(len(several)):
            columns[f"prediction_{at}"] = [None if row is None else row[at] for row in labels]
    else:
        columns["prediction"] = labels
    errors = document.get("errors", {})
    columns["error"] = [errors.get(str(at)) for at in range(len(labels))]
    return columns


def _outputs(document: dict[str, Any], classes: Any) -> Any:
    if classes is None:
        return
    if not isinstance(classes[0], list):
        yield document["probabilities"], classes, ""
        return
    for at, known in enumerate(classes):
        rows = document["probabilities"]
        yield [None if row is None else row[at] for row in rows], known, f"{at}_"


def _columns(records: list[dict[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(itertools.chain.from_iterable(records))
    return {name: [record.get(name) for record in records] for name in names}


def _parsed(cell: str) -> Any:
    """A cell of CSV: a number or a boolean where it reads as one."""
    if not cell:
        return None
    try:
        return orjson.loads(cell)
    except orjson.JSONDecodeError:
        return cell


def _plain(cells: Any) -> list[Any]:
    return [
        None if cell == "" or cell != cell else cell  # noqa: PLR0124 - NaN
        for cell in cells.tolist()
    ]


def _text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
