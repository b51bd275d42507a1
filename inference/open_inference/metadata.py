"""A model's metadata: the tensors that it takes and returns.

A request with exactly the listed inputs is valid. A schema with names has one input per column, any
other schema a single one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from inference.errors import UnacceptableAnswer
from inference.models import ModelId, manifest_file
from inference.open_inference import outputs
from inference.open_inference.tensors import BOOL, BYTES
from inference.rows.schema import Column, ColumnType, Schema
from inference.scripts import EstimatorScript, Script

Described = dict[str, Any]

#: The name of a single input in the examples of KServe and MLServer. Any name is accepted.
INPUT = "input-0"
ANY = -1
_DATATYPES: dict[ColumnType, str] = {
    "integer": "INT64",
    "number": "FP64",
    "boolean": BOOL,
    "text": BYTES,
    "category": BYTES,
    "date": BYTES,
}


def describe(model: ModelId, script: Script, folder: Path) -> Described:
    """The model's metadata, from its manifest. The inputs of a user's script are unknown."""
    described: Described = {"name": model.name, "versions": [model.version]}
    if not isinstance(script, EstimatorScript):
        return described | {"platform": "python_script", "inputs": [], "outputs": []}
    return described | {
        "platform": "sklearn_pickle",
        "inputs": _inputs(script.schema),
        "outputs": _outputs(script.method, folder),
    }


def _inputs(schema: Schema) -> list[Described]:
    numbers: ColumnType = "number" if schema.dtype.startswith("float") else "integer"
    if schema.names is None:
        return [_tensor(INPUT, _DATATYPES[numbers], [ANY, schema.features or ANY])]
    columns = schema.columns or [Column(name, numbers) for name in schema.names]
    return [_tensor(column.name, _datatype(column), [ANY]) for column in columns]


def _datatype(column: Column) -> str:
    known = column.categories or ("",)
    if isinstance(known[0], bool):
        return BOOL
    return _DATATYPES[column.type] if isinstance(known[0], str) else "FP64"


def _outputs(method: str, folder: Path) -> list[Described]:
    """The output as in the answers to the golden rows; of unknown type without these."""
    manifest = manifest_file.read(folder)
    if manifest is None or not manifest.golden.predictions:
        return []
    try:
        tensor = outputs.tensor(method, list(manifest.golden.predictions))
    except UnacceptableAnswer:
        return []
    return [_tensor(method, tensor.datatype, [ANY, *tensor.shape[1:]])]


def _tensor(name: str, datatype: str, shape: list[int]) -> Described:
    return {"name": name, "datatype": datatype, "shape": shape}
