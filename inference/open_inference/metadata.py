"""What a model says of itself: the tensors that it takes and gives.

A request of exactly the inputs that are listed is one that is answered. Where the model knows
names there is one a column, else a single one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inference.errors import UnacceptableAnswer
from inference.models import ModelId, manifests
from inference.open_inference import outputs
from inference.open_inference.tensors import BOOL, BYTES
from inference.rows.schema import ColumnType, Schema
from inference.scripts import EstimatorScript, Script

Described = dict[str, Any]

#: What KServe's and MLServer's examples call the only input. Any other name does as well.
INPUT = "input-0"
ANY = -1
_DATATYPES: dict[ColumnType, str] = {"number": "FP64", "boolean": BOOL, "text": BYTES}


def describe(model: ModelId, script: Script, folder: Path) -> Described:
    """The model's metadata; reads its manifest. A user's script says nothing of its input."""
    described: Described = {"name": model.name, "versions": [model.version]}
    if not isinstance(script, EstimatorScript):
        return described | {"platform": "python_script", "inputs": [], "outputs": []}
    return described | {
        "platform": "sklearn_pickle",
        "inputs": _inputs(script.schema),
        "outputs": _outputs(script.method, folder),
    }


def _inputs(schema: Schema) -> list[Described]:
    if schema.names is None:
        return [_tensor(INPUT, "FP64", [ANY, schema.features or ANY])]
    types: Sequence[ColumnType] = schema.types or ["number"] * len(schema.names)
    return [
        _tensor(name, _DATATYPES[kind], [ANY])
        for name, kind in zip(schema.names, types, strict=True)
    ]


def _outputs(method: str, folder: Path) -> list[Described]:
    """As the golden rows were answered; without them nobody knows before the first answer."""
    manifest = manifests.read(folder)
    if manifest is None or not manifest.golden.predictions:
        return []
    try:
        tensor = outputs.tensor(method, list(manifest.golden.predictions))
    except UnacceptableAnswer:
        return []
    return [_tensor(method, tensor.datatype, [ANY, *tensor.shape[1:]])]


def _tensor(name: str, datatype: str, shape: list[int]) -> Described:
    return {"name": name, "datatype": datatype, "shape": shape}
