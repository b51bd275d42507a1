"""How `run` is called: exactly as Azure ML's own server does.

    run(anything)                 the body as one string, whatever the parameter is called
    run(a, b=1), with a schema    named values of the JSON object, with their defaults
    run(request), with @rawhttp   the request itself, an AMLRequest

Any of them may also have a parameter `request_headers`: a dict of all headers. A GET has its
query arguments in place of a body.

What can be cached follows from what `run` sees. The first two are functions of the body. With
the request itself or its headers, method, query, ids and dates decide too: no two requests are
equal, and answering one with the other's response would be wrong rather than fast.

With a schema and one parameter, a script may declare that its rows are independent
(inference.scripts.independent_rows).
"""

from __future__ import annotations

import inspect
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol

from inference.errors import ModelUnavailable
from inference.request import Request
from inference.script_errors import ScriptErrors
from inference.scripts import independent_rows, inference_schema, raw_http, whole_body
from inference.scripts.entry_script import EntryPoints
from inference.scripts.question import Arguments, Question

HEADERS = "request_headers"

_NAMED = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Convention(Protocol):
    """One way to call `run`. A question's payload is the arguments, by name."""

    def parse(self, request: Request) -> Question:
        """Raises CallerError."""
        ...

    def around(self, arguments: Arguments) -> AbstractContextManager[object]:
        """Around a call: turns what is the caller's fault into CallerError, closes what is open."""
        ...


class Headed:
    """A convention, and the headers beside it."""

    def __init__(self, inner: Convention) -> None:
        self._inner = inner

    def parse(self, request: Request) -> Question:
        question = self._inner.parse(request)
        headers = {name.title(): value for name, value in request.headers.items()}
        return replace(question, payload=question.payload | {HEADERS: headers}, cacheable=False)

    def around(self, arguments: Arguments) -> AbstractContextManager[object]:
        return self._inner.around(arguments)


def convention(
    entry: EntryPoints, errors: ScriptErrors
) -> Convention | independent_rows.Independent:
    """The convention that a script's `run` asks for. Raises ModelUnavailable."""
    parameters = inspect.signature(entry.run).parameters.values()
    if any(parameter.kind not in _NAMED for parameter in parameters):
        raise ModelUnavailable("run() must take its arguments by name: no *args, **kwargs or '/'")
    data = _data(entry)
    if not data:
        raise ModelUnavailable(f"run() needs a parameter for the input, apart from {HEADERS}")
    chosen = _convention(entry, data, errors)
    if entry.rows_independent:
        # The headers count as a second parameter: with them two equal rows are not equal.
        return independent_rows.convention(entry.run, list(parameters), errors)
    return chosen if len(data) == len(parameters) else Headed(chosen)


def declared(entry: EntryPoints) -> inference_schema.DeclaredSchema | None:
    """What a script's decorators say of its `run`; None where it has none."""
    return (
        inference_schema.declared(entry.run, _data(entry))
        if inference_schema.decorates(entry.run)
        else None
    )


def _data(entry: EntryPoints) -> list[inspect.Parameter]:
    """The parameters of `run` but for the headers."""
    parameters = inspect.signature(entry.run).parameters.values()
    return [parameter for parameter in parameters if parameter.name != HEADERS]


def _convention(
    entry: EntryPoints, data: list[inspect.Parameter], errors: ScriptErrors
) -> Convention:
    decorated = inference_schema.decorates(entry.run)
    if entry.raw and decorated:
        raise ModelUnavailable("run() has both @rawhttp and @input_schema; choose one")
    if decorated:
        return inference_schema.Named(data, errors)
    required = [each.name for each in data[1:] if each.default is each.empty]
    if required:
        raise ModelUnavailable(
            f"run() gets one argument, and also needs {', '.join(required)};"
            " give it a default, or declare the parameters with @input_schema"
        )
    return raw_http.RawHttp(data[0].name) if entry.raw else whole_body.OneString(data[0].name)
