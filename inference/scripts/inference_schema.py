"""A `run` under inference-schema's decorators: named values out of a JSON object.

The decorators turn the values into arrays, frames and dates themselves when `run` is called.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from inference.errors import MalformedInput, ScoringError, UnfitInput, UnsupportedType
from inference.request import Request
from inference.rows import media_types
from inference.rows.codecs import json_outline
from inference.script_errors import ScriptErrors
from inference.scripts import query_arguments
from inference.scripts.question import Arguments, Question, Run

#: The decorators' function that every conversion of an input passes through.
CONVERSION = "_deserialize_input_argument"

#: The versions of Swagger and OpenAPI that can say what is declared.
VERSIONS = ("2.0", "3.0", "3.1")


@dataclass(frozen=True, slots=True)
class DeclaredSchema:
    """What a `run` takes and answers, in the decorators' dialect: the words that JSON Schema,
    Swagger 2.0 and OpenAPI 3.0 share, with an `example` and formats such as `numpy.ndarray`.
    """

    input: dict[str, Any]
    output: dict[str, Any]
    versions: tuple[str, ...] = VERSIONS
    #: Those of `run` that the JSON object names, and whether they have no default: the dialect
    #: leaves that out, and has `request_headers` among them.
    parameters: Mapping[str, bool] = field(default_factory=dict)


#: What Azure ML's server says of a script without decorators.
UNDECLARED = DeclaredSchema({"type": "object", "example": {}}, {"type": "object", "example": {}})


def declared(run: Run, parameters: Sequence[inspect.Parameter]) -> DeclaredSchema:
    """What the decorators of a `run` say. Needs one that they decorate."""
    schemas = sys.modules["inference_schema.schema_util"]
    return DeclaredSchema(
        _valid(schemas.get_input_schema(run)),
        _valid(schemas.get_output_schema(run)),
        tuple(schemas.get_supported_versions(run)),
        {each.name: each.default is each.empty for each in parameters},
    )


def _valid(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A copy, for the decorators keep theirs, mended where no version of the formats allows it:
    names that are no texts, and an empty list of required ones.
    """
    told = dict(schema)
    if "items" in told:
        told["items"] = _valid(told["items"])
    if "properties" in told:
        told["properties"] = {str(name): _valid(each) for name, each in told["properties"].items()}
    if required := [str(name) for name in told.pop("required", ())]:
        told["required"] = required
    return told


def decorates(run: Run) -> bool:
    """Whether `run` has a schema. Imports nothing: a script that has one did."""
    schemas = sys.modules.get("inference_schema.schema_util")
    return schemas is not None and bool(schemas.is_schema_decorated(run))


def json_type(run: Run, parameter: str) -> str | None:
    """JSON Schema's name for what a parameter's sample is in JSON; None for one without."""
    schemas = sys.modules["inference_schema.schema_util"]
    declared = schemas.get_input_schema(run).get("properties", {})
    kind: str | None = declared.get(parameter, {}).get("type")
    return kind


def forget(module: str) -> None:
    """Drop the schemas of a script that is loaded anew: the decorators keep them by its name."""
    if schemas := sys.modules.get("inference_schema.schema_util"):
        for kept in (schemas.__functions_schema__, schemas.__versions__):
            for name in [name for name in kept if name.startswith(f"{module}.")]:
                del kept[name]


class Named:
    """Passes each parameter the value under its name, or its default."""

    def __init__(self, parameters: Sequence[inspect.Parameter], errors: ScriptErrors) -> None:
        self._errors = errors
        self._parameters = tuple(parameters)

    def parse(self, request: Request) -> Question:
        if request.method == "GET":
            document = query_arguments.values(request.query)
            data = json.dumps(document).encode()
        else:
            document, data = _object(request), request.body
        return Question(self._arguments(document), memoryview(data), "json", (len(data),))

    @contextmanager
    def around(self, arguments: Arguments) -> Iterator[None]:  # noqa: ARG002 - the protocol's
        """What is raised while the decorators convert the input is the caller's."""
        try:
            yield
        except ScoringError:
            raise
        except Exception as error:
            words = self._errors.describe_refusal(error, CONVERSION)
            if words is None:
                raise
            raise UnfitInput(
                field="body", expected="what the script's schema declares", got=words
            ) from self._errors.cause(error)

    def _arguments(self, document: Mapping[str, Any]) -> dict[str, Any]:
        arguments = {}
        for each in self._parameters:
            value = document.get(each.name, each.default)
            if value is each.empty:
                raise MalformedInput(f"no {each.name!r} in the JSON object; the script needs it")
            arguments[each.name] = value
        return arguments


def _object(request: Request) -> dict[str, Any]:
    kind = media_types.essence(request.content_type)
    if not (media_types.is_untold(kind) or kind == media_types.JSON or kind.endswith("+json")):
        raise UnsupportedType(got=kind, supported=(media_types.JSON,))
    if not request.body:
        raise MalformedInput("the body is empty; send a JSON object with the script's parameters")
    try:
        # Python's own reader keeps every digit of an integer, and takes the NaN that clients write.
        document = _loads(request.body)
    except (ValueError, RecursionError) as error:
        raise MalformedInput(f"the body is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise MalformedInput(
            f"the script takes a JSON object with its parameters, got {_kind(document)}"
        )
    return document


def _loads(body: bytes) -> Any:
    if len(body) <= json_outline.PIECE_BYTES or body[:1] not in b"{ \t\r\n" or b"\0" in body[:4]:
        return json.loads(body)  # short, or in another encoding than UTF-8
    outline = json_outline.Outline(body, "the body", loads=json.loads, bound=None)
    document = outline.tree()
    outline.end()
    return document


def _kind(document: object) -> str:
    return {list: "a list", str: "a text", type(None): "null"}.get(type(document), "a number")
