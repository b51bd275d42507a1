"""How `run` is called, which its parameters and decorators decide as in Azure ML's own server.

    run(anything)                 the body as one string, whatever the parameter is called
    run(a, b=1), with a schema    named values of the JSON object, with their defaults
    run(request), with @rawhttp   the request itself, an AMLRequest

Each may also have a parameter `request_headers`, a dict of all headers. A GET passes its query
arguments instead of a body.

What `run` gets decides what is cached. The first two are functions of the body, and their answers
are cached. A request or its headers hold method, query, ids and dates too: no two requests are
equal, and nothing is cached.

With a schema and one parameter, a script may declare that its rows are independent
(inference.scripts.independent_rows).
"""

from __future__ import annotations

import inspect

from inference.errors import ModelUnavailable
from inference.script_errors import ScriptErrors
from inference.scripts import independent_rows, inference_schema
from inference.scripts.calling_conventions import (
    HEADERS,
    BodyText,
    CallingConvention,
    RawRequest,
    WithHeaders,
)
from inference.scripts.entry_script import EntryPoints
from inference.scripts.independent_rows import RowsArgument
from inference.scripts.inference_schema import DeclaredSchema
from inference.scripts.named_arguments import NamedArguments

_NAMED = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def choose_convention(entry: EntryPoints, errors: ScriptErrors) -> CallingConvention | RowsArgument:
    """The calling convention that a script's `run` asks for. Raises ModelUnavailable."""
    parameters = inspect.signature(entry.run).parameters.values()
    if any(parameter.kind not in _NAMED for parameter in parameters):
        raise ModelUnavailable("run() must take its arguments by name: no *args, **kwargs or '/'")
    data = _data_parameters(entry)
    if not data:
        raise ModelUnavailable(f"run() needs a parameter for the input, beside {HEADERS}")
    chosen = _without_headers(entry, data, errors)
    if entry.rows_independent:
        # The headers count as a second parameter: with them, equal rows need not be answered alike.
        return independent_rows.convention(entry.run, list(parameters), errors)
    return chosen if len(data) == len(parameters) else WithHeaders(chosen)


def declared_schema(entry: EntryPoints) -> DeclaredSchema | None:
    """What a script's decorators say of its `run`; None for a script without decorators."""
    if not inference_schema.is_decorated(entry.run):
        return None
    return inference_schema.read_declared_schema(entry.run, _data_parameters(entry))


def _data_parameters(entry: EntryPoints) -> list[inspect.Parameter]:
    """The parameters of `run` without the headers."""
    parameters = inspect.signature(entry.run).parameters.values()
    return [parameter for parameter in parameters if parameter.name != HEADERS]


def _without_headers(
    entry: EntryPoints, data: list[inspect.Parameter], errors: ScriptErrors
) -> CallingConvention:
    decorated = inference_schema.is_decorated(entry.run)
    if entry.raw and decorated:
        raise ModelUnavailable("run() has both @rawhttp and @input_schema: remove one of them")
    if decorated:
        return NamedArguments(data, errors)
    required = [each.name for each in data[1:] if each.default is each.empty]
    if required:
        raise ModelUnavailable(
            f"run() is called with one argument, and also needs {', '.join(required)}:"
            " give each a default, or declare all parameters with @input_schema"
        )
    return RawRequest(data[0].name) if entry.raw else BodyText(data[0].name)
