"""`AMLRequest` and `rawhttp`: werkzeug's request, made from the request of any trigger."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Self

from werkzeug.wrappers import Request as _WerkzeugRequest

from inference.request import Request

#: Whether a script used @rawhttp. Azure ML's own server reads it under this name.
_rawHttpRequested = False  # noqa: N816


def rawhttp[F: Callable[..., Any]](func: F) -> F:
    """Decorates a script's run(), which then gets an AMLRequest and may return an AMLResponse."""
    global _rawHttpRequested  # noqa: PLW0603 - the decorator is how a script tells the server
    _rawHttpRequested = True
    return func


class AMLRequest(_WerkzeugRequest):
    """`get_data()`, `data`, `headers`, `method`, `args`, `form`, `files`, `get_json()`, …"""

    @classmethod
    def of(cls, request: Request) -> Self:
        """A request as a WSGI server passes it. The path is Azure ML's, /score."""
        environ: dict[str, Any] = {
            f"HTTP_{name.upper().replace('-', '_')}": value
            for name, value in request.headers.items()
            if name not in ("content-type", "content-length", "transfer-encoding")
        }
        environ |= {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": "/score",
            "QUERY_STRING": request.query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_LENGTH": str(len(request.body)),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(request.body),
        }
        if request.content_type:
            environ["CONTENT_TYPE"] = request.content_type
        return cls(environ)
