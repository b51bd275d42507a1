"""The ways to call a script's `run` without a schema, and what they share.

BodyText       run(data): the body as one string
RawRequest     run(request) under @rawhttp: the request itself, an AMLRequest
WithHeaders    either of them, or NamedArguments, with a dict of the headers beside it
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import replace
from typing import Protocol

from inference.errors import MalformedInput
from inference.request import Request
from inference.scripts import query_arguments
from inference.scripts.question import Arguments, Question

HEADERS = "request_headers"


class CallingConvention(Protocol):
    """One way to call `run`. A question's payload is the arguments of `run`, by name."""

    def parse(self, request: Request) -> Question:
        """Raises CallerError."""
        ...

    def around(self, arguments: Arguments) -> AbstractContextManager[object]:
        """The context of a call. It raises CallerError for the caller's faults, and closes what
        the arguments hold open.
        """
        ...


class BodyText:
    """Passes the body as text. A GET passes its query arguments as a JSON object instead."""

    def __init__(self, parameter: str) -> None:
        self._parameter = parameter

    def parse(self, request: Request) -> Question:
        if request.method == "GET":
            text = json.dumps(query_arguments.parse(request.query))
            data = text.encode()
        else:
            text, data = _decode(request.body), request.body
        return Question({self._parameter: text}, memoryview(data), "text", (len(data),))

    def around(self, arguments: Arguments) -> AbstractContextManager[object]:  # noqa: ARG002 - the protocol's
        """Does nothing. Without a schema, every error in `run` is the script's own."""
        return nullcontext()


class RawRequest:
    """Passes an AMLRequest, from every trigger. No two requests are equal, so none is cached."""

    def __init__(self, parameter: str) -> None:
        self._parameter = parameter

    def parse(self, request: Request) -> Question:
        # Imported here, because it brings werkzeug, which other scripts need not pay for.
        from inference.scripts.aml.aml_request import AMLRequest  # noqa: PLC0415

        return Question(
            {self._parameter: AMLRequest.of(request)},
            memoryview(request.body),
            "request",
            (len(request.body),),
            cacheable=False,
        )

    def around(self, arguments: Arguments) -> AbstractContextManager[object]:
        """Closes the files that the script opened from a form."""
        return closing(arguments[self._parameter])


class WithHeaders:
    """Adds the headers to another convention's arguments; its answers are not cached."""

    def __init__(self, inner: CallingConvention) -> None:
        self._inner = inner

    def parse(self, request: Request) -> Question:
        question = self._inner.parse(request)
        headers = {name.title(): value for name, value in request.headers.items()}
        return replace(question, payload=question.payload | {HEADERS: headers}, cacheable=False)

    def around(self, arguments: Arguments) -> AbstractContextManager[object]:
        return self._inner.around(arguments)


def _decode(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise MalformedInput(
            f"the body is not UTF-8: got the byte 0x{body[error.start]:02x} at position"
            f" {error.start}, and the script takes text"
        ) from error
