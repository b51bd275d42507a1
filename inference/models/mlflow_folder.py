"""A folder that MLflow wrote: its model file and its signature, as the file `MLmodel` says.

`MLmodel` is YAML. It is read when a model is described. An app that serves a described model finds
everything in the manifest and needs neither MLflow nor a YAML parser.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from inference.errors import ModelUnavailable

NAME = "MLmodel"
#: The folder with the modules that were logged with the model.
CODE = "code"

#: The flavours whose models are served, each with the fields that may name the model file.
_FLAVOURS = {
    "sklearn": ("pickled_model",),
    "xgboost": ("data",),
    "lightgbm": ("data",),
    "catboost": ("data",),
    "onnx": ("data",),
    "python_function": ("model_path", "data"),
}


@dataclass(frozen=True, slots=True)
class MlflowColumn:
    """One input of a signature. `type` is MLflow's: boolean, integer, long, float, double, string,
    binary, datetime; of a tensor, NumPy's name.
    """

    name: str | None
    type: str
    required: bool = True
    #: A tensor's shape, -1 where it varies; None for a column.
    shape: Sequence[int] | None = None


def is_model(folder: Path) -> bool:
    return (folder / NAME).is_file()


def find_file(folder: Path) -> Path:
    """The model file that MLmodel names. Raises ModelUnavailable."""
    flavours = _section(_read(folder), "flavors")
    for flavour, fields in _FLAVOURS.items():
        for field in fields:
            named = _section(flavours, flavour).get(field)
            if isinstance(named, str) and _is_inside(folder, folder / named):
                return folder / named
    raise ModelUnavailable(
        f"{folder.name}/{NAME} names no model file in that folder for a flavour that is served"
        f" ({', '.join(_FLAVOURS)}); its flavours: {', '.join(map(str, flavours)) or 'none'}"
    )


def read_signature(folder: Path) -> Sequence[MlflowColumn] | None:
    """The inputs of the model's signature, in order; None without one. Raises ModelUnavailable."""
    inputs = _section(_read(folder), "signature").get("inputs")
    if not inputs:
        return None
    try:
        return [_column(each) for each in orjson.loads(inputs)]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelUnavailable(
            f"{folder.name}/{NAME}: the signature's inputs can't be read; log the model again, or"
            " remove its signature"
        ) from error


def find_example(folder: Path) -> Path | None:
    """The rows that were logged with a model as its input example, in a JSON file; None without.

    Raises ModelUnavailable.
    """
    if not is_model(folder):
        return None
    logged = _section(_read(folder), "saved_input_example_info")
    named = logged.get("artifact_path")
    if logged.get("type") not in ("dataframe", "ndarray") or not isinstance(named, str):
        return None
    return folder / named if _is_inside(folder, folder / named) else None


def _section(document: dict[str, Any], name: str) -> dict[str, Any]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def _is_inside(folder: Path, file: Path) -> bool:
    return file.is_file() and file.resolve().is_relative_to(folder.resolve())


def _column(document: Mapping[str, Any]) -> MlflowColumn:
    name = document.get("name")
    if document["type"] == "tensor":
        tensor = document["tensor-spec"]
        return MlflowColumn(name, str(tensor["dtype"]), shape=tuple(tensor["shape"]))
    return MlflowColumn(name, str(document["type"]), bool(document.get("required", True)))


def _read(folder: Path) -> dict[str, Any]:
    try:
        import yaml  # noqa: PLC0415 - needed for MLflow's models only
    except ModuleNotFoundError as error:
        raise ModelUnavailable(
            f"{folder.name}/{NAME} is YAML, and PyYAML is not installed: pip install PyYAML, or"
            " describe the model where it is installed"
        ) from error
    try:
        document = yaml.safe_load((folder / NAME).read_bytes())
    except yaml.YAMLError as error:
        raise ModelUnavailable(f"{folder.name}/{NAME} is not YAML: log the model again") from error
    if not isinstance(document, dict):
        raise ModelUnavailable(f"{folder.name}/{NAME} is not what MLflow writes: log it again")
    return document
