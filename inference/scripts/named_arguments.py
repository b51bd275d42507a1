"""How `run` is called under inference-schema's decorators: named values of a JSON object.

The decorators turn the values into arrays, frames and dates themselves when `run` is called.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from inference.errors import MalformedInput, ScoringError, UnfitInput, UnsupportedType
from inference.request import Request
from inference.rows import media_types
from inference.rows.formats import json_outline
from inference.script_errors import ScriptErrors
from inference.scripts import query_arguments
from inference.scripts.question import Arguments, Question

#: The decorators' function that converts every input.
CONVERSION = "_deserialize_input_argument"

#: How the decorators name a type: `<class 'int'>`.
_CLASS = re.compile(r"<class '([\w.]+)'>")
_JSON_TYPES = {list: "a list", str: "a text", bool: "a boolean", type(None): "null"}


class NamedArguments:
    """Passes each parameter the value under its name, or its default."""

    def __init__(self, parameters: Sequence[inspect.Parameter], errors: ScriptErrors) -> None:
        self._errors = errors
        self._parameters = tuple(parameters)

    def parse(self, request: Request) -> Question:
        if request.method == "GET":
            document = query_arguments.parse(request.query)
            data = json.dumps(document).encode()
        else:
            document, data = _read_object(request), request.body
        return Question(self._arguments(document), memoryview(data), "json", (len(data),))

    @contextmanager
    def around(self, arguments: Arguments) -> Iterator[None]:  # noqa: ARG002 - the protocol's
        """Raises UnfitInput for an error that the decorators' conversion of the input raises."""
        try:
            yield
        except ScoringError:
            raise
        except Exception as error:
            words = self._errors.describe_refusal(error, CONVERSION)
            if words is None:
                raise
            raise UnfitInput(
                field="body",
                expected="what the script's schema declares",
                got=_CLASS.sub(r"\1", words),
            ) from self._errors.cause(error)

    def _arguments(self, document: Mapping[str, Any]) -> dict[str, Any]:
        arguments = {}
        for each in self._parameters:
            value = document.get(each.name, each.default)
            if value is each.empty:
                raise MalformedInput(
                    f"the JSON object has no {each.name!r}, which the script needs: add it"
                )
            arguments[each.name] = value
        return arguments


def _read_object(request: Request) -> dict[str, Any]:
    kind = media_types.essence(request.content_type)
    if not (media_types.is_untold(kind) or kind == media_types.JSON or kind.endswith("+json")):
        raise UnsupportedType(got=kind, supported=(media_types.JSON,))
    if not request.body:
        raise MalformedInput("the body is empty: send a JSON object with the script's parameters")
    try:
        # Python's own reader keeps every digit of an integer, and takes the NaN that clients write.
        document = _loads(request.body)
    except RecursionError as error:
        raise MalformedInput("the body is JSON that is nested too deeply") from error
    except ValueError as error:
        raise MalformedInput(f"the body is not JSON: {error}") from error
    if not isinstance(document, dict):
        got = _JSON_TYPES.get(type(document), "a number")
        raise MalformedInput(
            f"body: expected a JSON object with the script's parameters, got {got}"
        )
    return document


def _loads(body: bytes) -> Any:
    """A JSON document. A long one is read in pieces, which lets other threads run in between."""
    if len(body) <= json_outline.PIECE_BYTES or body[:1] not in b"{ \t\r\n" or b"\0" in body[:4]:
        return json.loads(body)  # short, or in another encoding than UTF-8
    outline = json_outline.Outline(body, "the body", loads=json.loads, bound=None)
    document = outline.tree()
    outline.end()
    return document
