"""`AMLResponse`: a status, headers and bytes of the script's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from werkzeug.wrappers import Response

_NONE: Mapping[str, str] = MappingProxyType({})
_JSON = "application/json"


class AMLResponse(Response):
    """Answers as Azure ML's own does: text is HTML if the script sets no content type."""

    default_mimetype = "text/html"

    def __init__(
        self,
        message: Any,
        status_code: int,
        response_headers: Mapping[str, str] = _NONE,
        json_str: bool = False,
        run_function_failed: bool = False,
    ) -> None:
        """`message`: bytes or text; with `json_str` any value. None is an empty JSON object.

        A header's value is split at its commas into several headers of its name.
        """
        if message is None or json_str:
            text = json.dumps({} if message is None else message)
            super().__init__(text, status=status_code, mimetype=_JSON)
        else:
            super().__init__(message, status=status_code)
            if "Content-Type" in response_headers:
                self.headers.remove("Content-Type")
        self.headers["x-ms-run-function-failed"] = str(run_function_failed)
        for name, value in response_headers.items():
            for part in value.split(","):
                self.headers.add(name, part.strip())
