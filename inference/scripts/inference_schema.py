"""What the decorators of the package inference-schema say of a script's `run`.

Nothing here imports the package: a script that has decorators has imported it.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from inference.scripts.question import Run

#: The versions of Swagger and OpenAPI that can express what is declared.
VERSIONS = ("2.0", "3.0", "3.1")


@dataclass(frozen=True, slots=True)
class DeclaredSchema:
    """What a `run` takes and answers, in the keywords that JSON Schema, Swagger 2.0 and OpenAPI
    3.0 share, with an `example` and formats like `numpy.ndarray`.
    """

    input: dict[str, Any]
    output: dict[str, Any]
    versions: tuple[str, ...] = VERSIONS
    #: The parameters of `run` that the JSON object names, and whether each is required. The
    #: decorators leave that out, and list `request_headers` among the parameters.
    parameters: Mapping[str, bool] = field(default_factory=dict)


#: What Azure ML's server says of a script without decorators.
UNDECLARED = DeclaredSchema({"type": "object", "example": {}}, {"type": "object", "example": {}})


def is_decorated(run: Run) -> bool:
    """Whether `run` has a schema."""
    schemas = sys.modules.get("inference_schema.schema_util")
    return schemas is not None and bool(schemas.is_schema_decorated(run))


def read_declared_schema(run: Run, parameters: Sequence[inspect.Parameter]) -> DeclaredSchema:
    """What the decorators of a decorated `run` say."""
    schemas = sys.modules["inference_schema.schema_util"]
    return DeclaredSchema(
        _valid_copy(schemas.get_input_schema(run)),
        _valid_copy(schemas.get_output_schema(run)),
        tuple(schemas.get_supported_versions(run)),
        {each.name: each.default is each.empty for each in parameters},
    )


def json_type(run: Run, parameter: str) -> str | None:
    """JSON Schema's type of a parameter's sample; None for a parameter without a sample."""
    schemas = sys.modules["inference_schema.schema_util"]
    declared = schemas.get_input_schema(run).get("properties", {})
    kind: str | None = declared.get(parameter, {}).get("type")
    return kind


def forget_schemas(module: str) -> None:
    """Drop what the decorators keep of a module, before it is loaded again."""
    if schemas := sys.modules.get("inference_schema.schema_util"):
        for kept in (schemas.__functions_schema__, schemas.__versions__):
            for name in [name for name in kept if name.startswith(f"{module}.")]:
                del kept[name]


def _valid_copy(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A copy without what no version of the formats allows: names that are not texts, and an empty
    `required`.
    """
    copy = dict(schema)
    if "items" in copy:
        copy["items"] = _valid_copy(copy["items"])
    if "properties" in copy:
        copy["properties"] = {
            str(name): _valid_copy(each) for name, each in copy["properties"].items()
        }
    if required := [str(name) for name in copy.pop("required", ())]:
        copy["required"] = required
    return copy
