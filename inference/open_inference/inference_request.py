"""An inference request: a JSON document, and bytes that may follow it.

    {"id": "…", "parameters": {"binary_data_output": false},
     "inputs": [{"name": "…", "datatype": "FP64", "shape": [2, 3], "data": […]},
                {"name": "…", "datatype": "FP64", "shape": [2, 3],
                 "parameters": {"binary_data_size": 48}}],
     "outputs": [{"name": "predict", "parameters": {"binary_data": true}}]}

If the header HEADER_LENGTH has the document's length, the inputs with a `binary_data_size` follow
it in their order. Other parameters are ignored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from inference.errors import MalformedInput, UnfitInput
from inference.limits import Limits
from inference.open_inference import tensors, v2_document
from inference.open_inference.tensors import Tensor
from inference.rows.row_types import short_repr

#: The document's length in bytes; on a request and on an answer.
HEADER_LENGTH = "inference-header-content-length"


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """A request that was read and validated."""

    id: str | None
    inputs: list[Tensor]
    #: Whether the output is wanted as bytes.
    binary: bool


def read(body: bytes, header_length: str, *, output: str, limits: Limits) -> InferenceRequest:
    """The request in a body. `output`: the name of the only output. Raises CallerError."""
    if not body:
        raise MalformedInput("the body is empty; send a JSON object with `inputs`")
    limits.check_bytes(len(body))
    end = _document_end(body, header_length)
    document = _object(v2_document.read(body[:end]), "the body")
    id_ = document.get("id")
    if not isinstance(id_, str | None):
        raise MalformedInput(f"`id`: expected a text, got {short_repr(id_)}")
    return InferenceRequest(
        id_,
        _inputs(document, memoryview(body)[end:], limits),
        _wants_bytes(document, output),
    )


def _document_end(body: bytes, header_length: str) -> int:
    if not header_length:
        return len(body)
    if not re.fullmatch("[0-9]{1,18}", header_length) or int(header_length) > len(body):
        raise MalformedInput(
            f"Inference-Header-Content-Length: expected the length of the body's JSON part, at most"
            f" {len(body)}, got {header_length[:40]!r}"
        )
    return int(header_length)


def _inputs(document: dict[str, Any], follows: memoryview, limits: Limits) -> list[Tensor]:
    described = document.get("inputs")
    if not isinstance(described, list) or not described:
        raise MalformedInput(f"`inputs`: expected a list of tensors, got {short_repr(described)}")
    inputs: dict[str, Tensor] = {}
    for each in described:
        tensor, follows = _input(_object(each, "an input"), follows, limits)
        if tensor.name in inputs:
            raise MalformedInput(f"two inputs have the name {short_repr(tensor.name)}")
        inputs[tensor.name] = tensor
    if follows:
        raise MalformedInput(f"{len(follows):,} bytes follow that no `binary_data_size` speaks of")
    return list(inputs.values())


def _input(
    described: dict[str, Any], follows: memoryview, limits: Limits
) -> tuple[Tensor, memoryview]:
    """A tensor, and the bytes of the tensors after it."""
    name = described.get("name")
    if not isinstance(name, str):
        raise MalformedInput(f"an input's `name`: expected a text, got {short_repr(name)}")
    what = f"input {short_repr(name)}"
    datatype, shape = _datatype(described, what), _shape(described, what, limits)
    size = _parameters(described, what).get("binary_data_size")
    data = described.get("data")
    if size is None:
        if not isinstance(data, list | v2_document.Elements):
            raise MalformedInput(f"{what}: expected a list under `data`, got {short_repr(data)}")
        return Tensor(name, datatype, tensors.from_json(data, datatype, shape, what)), follows
    if not _is_count(size) or size > len(follows) or data is not None:
        raise MalformedInput(
            f"{what}: expected no `data` and a `binary_data_size` of at most the {len(follows):,}"
            f" bytes that are left, got {short_repr(size)}"
        )
    values = tensors.from_bytes(follows[:size], datatype, shape, what)
    return Tensor(name, datatype, values), follows[size:]


def _datatype(described: dict[str, Any], what: str) -> str:
    datatype = described.get("datatype")
    if not isinstance(datatype, str) or datatype not in tensors.DATATYPES:
        raise MalformedInput(
            f"{what}: expected a datatype of {', '.join(tensors.DATATYPES)},"
            f" got {short_repr(datatype)}"
        )
    return datatype


def _shape(described: dict[str, Any], what: str, limits: Limits) -> list[int]:
    shape = described.get("shape")
    if not isinstance(shape, list) or not all(map(_is_count, shape)):
        raise MalformedInput(f"{what}: expected a list of sizes as shape, got {short_repr(shape)}")
    if len(shape) not in (1, 2):
        raise UnfitInput(
            field=f"{what}, shape", expected="[rows] or [rows, columns]", got=short_repr(shape)
        )
    limits.check_rows(shape[0])
    return shape


def _wants_bytes(document: dict[str, Any], output: str) -> bool:
    wanted = _flag(document, "binary_data_output", "the request", default=False)
    outputs = document.get("outputs")
    if not isinstance(outputs, list | None):
        raise MalformedInput(f"`outputs`: expected a list, got {short_repr(outputs)}")
    for each in outputs or ():
        described = _object(each, "an output")
        if described.get("name") != output:
            raise MalformedInput(
                f"no output {short_repr(described.get('name'))} here; there is one, {output!r}"
            )
        wanted = _flag(described, "binary_data", f"output {output!r}", default=wanted)
    return wanted


def _flag(described: dict[str, Any], name: str, what: str, *, default: bool) -> bool:
    value = _parameters(described, what).get(name, default)
    if not isinstance(value, bool):
        raise MalformedInput(f"{what}, `{name}`: expected true or false, got {short_repr(value)}")
    return value


def _parameters(described: dict[str, Any], what: str) -> dict[str, Any]:
    parameters = described.get("parameters")
    return {} if parameters is None else _object(parameters, f"{what}, `parameters`")


def _object(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MalformedInput(f"{what}: expected a JSON object, got {short_repr(value)}")
    return value


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0
