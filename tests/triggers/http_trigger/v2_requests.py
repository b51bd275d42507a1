"""Requests of the Open Inference Protocol, as the platform hands them to the trigger."""

from __future__ import annotations

import json
from typing import Any

import azure.functions as func
import numpy as np


def asking(
    document: object = None,
    *,
    body: bytes | None = None,
    method: str = "POST",
    version: str | None = None,
    name: str = "sum",
    **headers: str,
) -> func.HttpRequest:
    return func.HttpRequest(
        method=method,
        url=f"http://localhost:7071/api/v2/models/{name}/infer",
        headers={key.replace("_", "-"): value for key, value in headers.items()},
        route_params={"name": name} if version is None else {"name": name, "version": version},
        body=json.dumps(document).encode() if body is None else body,
    )


def tensor(
    data: Any,
    datatype: str = "FP64",
    shape: list[int] | None = None,
    name: str = "input-0",
    **parameters: object,
) -> dict[str, Any]:
    shape = list(np.shape(data)) if shape is None else shape
    described = {"name": name, "datatype": datatype, "shape": shape, "data": data}
    return {**described, "parameters": parameters} if parameters else described


def inputs(*tensors: dict[str, Any], **more: object) -> dict[str, Any]:
    return {"inputs": list(tensors), **more}


def output(response: func.HttpResponse) -> dict[str, Any]:
    """The one output of an answer in JSON."""
    assert response.status_code == 200, response.get_body()
    (only,) = json.loads(response.get_body())["outputs"]
    assert isinstance(only, dict)
    return only
