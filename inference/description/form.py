"""What a person fills in to ask a model: its columns with their types, values and examples."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import Any

from inference.models.manifests import Golden, Manifest
from inference.output_choice import OUTPUTS, PREDICTIONS
from inference.rows.schema import Column, ColumnType, Schema
from inference.scripts import EstimatorScript, Script, UserScript

#: Golden rows that the form offers as examples.
MOST_ROWS = 20
#: The smallest side of a square of unnamed numbers that counts as an image.
LEAST_SIDE = 8


def describe_form(script: Script) -> dict[str, Any]:
    """`kind`: as inference.rows.schema has it, or `body` for a script, which takes any bytes.

    A model has `columns`, `classes`, `outputs`, the number of `values` in a prediction, golden
    `rows`, and for an image the `grid`: its side in cells and the brightest value. `columns` is
    empty if the model's width is unknown.
    """
    if not isinstance(script, EstimatorScript):
        return {"kind": "body", "example": _example(script)}
    schema, manifest = script.schema, script.manifest
    golden = manifest.golden if manifest else Golden()
    classes = _classes(manifest)
    return {
        "kind": schema.kind,
        "named": schema.names is not None,
        "columns": [_field(column) for column in _columns(schema)],
        "method": script.method,
        "classes": classes,
        "outputs": OUTPUTS if classes else (PREDICTIONS,),
        "values": _values(golden.predictions),
        "rows": list(golden.rows[:MOST_ROWS]),
        "grid": _grid(schema, golden.rows),
    }


def _columns(schema: Schema) -> Sequence[Column]:
    if schema.columns is not None:
        return schema.columns
    names = schema.names or [str(at) for at in range(schema.features or 0)]
    number: ColumnType = "number" if schema.dtype.startswith("float") else "integer"
    return [Column(name, number, missing=schema.allows_missing) for name in names]


def _field(column: Column) -> dict[str, Any]:
    values = column.categories or column.known
    return {
        "name": column.name,
        "type": column.type,
        "missing": column.missing,
        "values": None if values is None else list(values),
        "zone": "," in column.pandas_dtype,
    }


def _classes(manifest: Manifest | None) -> list[Any] | None:
    """None for a regression, and for a model with several outputs."""
    classes = manifest.classes if manifest else None
    if not classes or any(isinstance(each, list) for each in classes):
        return None
    return list(classes)


def _values(predictions: Sequence[Any]) -> int:
    first = predictions[0] if predictions else None
    return len(first) if isinstance(first, list) else 1


def _grid(schema: Schema, rows: Sequence[Sequence[Any]]) -> dict[str, float] | None:
    """Of a model whose rows look like a square greyscale image; None for others."""
    side = isqrt(schema.features or 0)
    if schema.kind != "array" or side < LEAST_SIDE or side * side != schema.features:
        return None
    cells = [cell for row in rows for cell in row]
    if not cells or not all(map(_is_brightness, cells)):
        return None
    return {"side": side, "brightest": max(cells)}


def _is_brightness(cell: object) -> bool:
    return isinstance(cell, int | float) and cell >= 0


def _example(script: Script) -> Any:
    """The sample of a script that declares its input; None of any other."""
    declared = script.declared if isinstance(script, UserScript) else None
    return None if declared is None else declared.input.get("example")
