"""A `run` under @rawhttp: the request itself."""

from __future__ import annotations

from contextlib import AbstractContextManager, closing

from inference.request import Request
from inference.scripts.question import Arguments, Question


class RawHttp:
    """Passes an AMLRequest, whichever door the bytes came through."""

    def __init__(self, parameter: str) -> None:
        self._parameter = parameter

    def parse(self, request: Request) -> Question:
        # Here, not above: only these scripts pay for the import.
        from inference.scripts.aml.aml_request import AMLRequest  # noqa: PLC0415

        return Question(
            {self._parameter: AMLRequest.of(request)},
            memoryview(request.body),
            "request",
            (len(request.body),),
            cacheable=False,
        )

    def around(self, arguments: Arguments) -> AbstractContextManager[object]:
        """Closes the files that the script found in a form. It judges the request itself."""
        return closing(arguments[self._parameter])
