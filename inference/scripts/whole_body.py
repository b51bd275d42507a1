"""An undecorated `run`: the whole body as one string."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext

from inference.errors import MalformedInput
from inference.request import Request
from inference.scripts import query_arguments
from inference.scripts.question import Arguments, Question


class OneString:
    """Passes the body, or a GET's arguments as a JSON object, under the parameter's own name."""

    def __init__(self, parameter: str) -> None:
        self._parameter = parameter

    def parse(self, request: Request) -> Question:
        if request.method == "GET":
            text = json.dumps(query_arguments.values(request.query))
            data = text.encode()
        else:
            text, data = _text(request.body), request.body
        return Question({self._parameter: text}, memoryview(data), "text", (len(data),))

    def around(self, arguments: Arguments) -> AbstractContextManager[object]:  # noqa: ARG002 - the protocol's
        """Nothing is known of what the script takes: all it raises is its own."""
        return nullcontext()


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise MalformedInput("the script takes text, and the body is not UTF-8") from error
