"""Golden rows as example bodies and their answers, in every text format."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from inference.models.manifests import Golden
from inference.rows import formats, media_types
from inference.rows.formats import json_codec
from inference.rows.formats.json_rows import NAMES
from inference.rows.formats.output_columns import OutputColumns
from inference.rows.schema import Schema

#: Rows of an example. It shows the form, for which more rows are not needed.
ROWS = 2
TEXT_FORMATS = (media_types.CSV, media_types.JSON_LINES)
#: Of NAMES: the rows under them are usually no lists.
_OTHER_SHAPES = ("dataframe_split", "dataframe_records")


def shorten(golden: Golden) -> Golden:
    """The first ROWS golden rows, with their answers."""
    return replace(golden, rows=golden.rows[:ROWS], predictions=golden.predictions[:ROWS])


def request_bodies(form: str, golden: Golden, schema: Schema) -> Mapping[str, Any]:
    """Example bodies of one format, by name. None without golden rows, and for a binary format."""
    if not golden.rows:
        return {}
    if form == media_types.JSON:
        return _documents(golden.rows, schema)
    if form == media_types.JSON_LINES:
        return {"rows": json_codec.encode_lines(list(golden.rows)).decode()}
    return {"rows": _csv(golden.rows, schema)} if form == media_types.CSV else {}


def response_bodies(form: str, golden: Golden, columns: OutputColumns) -> Mapping[str, Any]:
    """The answers to `request_bodies` in one format, by name."""
    if not golden.predictions:
        return {}
    if form == media_types.JSON:
        return {"answers": golden.predictions}
    if form not in TEXT_FORMATS:
        return {}
    answers = formats.encode(json_codec.dumps(golden.predictions), form, columns)
    return {"answers": answers.decode()}


def swagger_rows(golden: Golden, schema: Schema) -> Any:
    """The rows in the form that json_schema.swagger_item describes."""
    if schema.kind == "texts":
        return [row[0] for row in golden.rows]
    return _records(golden.rows, schema) if schema.kind == "frame" else golden.rows


def _documents(rows: Sequence[Sequence[Any]], schema: Schema) -> dict[str, Any]:
    every: dict[str, Any] = {name: {name: rows} for name in NAMES if name not in _OTHER_SHAPES}
    if schema.kind == "texts":
        every["texts"] = [row[0] for row in rows]
    elif schema.names is not None:
        every["split"] = {"columns": schema.names, NAMES[0]: rows}
        every["dataframe_split"] = {"dataframe_split": every["split"]}
    if schema.names is not None:
        every["records"] = _records(rows, schema)
        every["dataframe_records"] = {"dataframe_records": every["records"]}
        columns = map(list, zip(*rows, strict=True))
        every["columns"] = {"inputs": dict(zip(schema.names, columns, strict=True))}
    return every


def _records(rows: Sequence[Sequence[Any]], schema: Schema) -> list[dict[str, Any]]:
    names = schema.names or ()
    return [dict(zip(names, row, strict=True)) for row in rows]


def _csv(rows: Sequence[Sequence[Any]], schema: Schema) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if schema.names is not None:
        writer.writerow(schema.names)
    writer.writerows(rows)
    return out.getvalue()
