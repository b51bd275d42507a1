"""One HTTP request and its response, over ASGI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

type Scope = Mapping[str, Any]
type Receive = Callable[[], Awaitable[Mapping[str, Any]]]
type Send = Callable[[dict[str, Any]], Awaitable[None]]

#: The most bytes of a body: more than any message or description needs.
MAX_BODY = 1024 * 1024


class HttpError(Exception):
    """`status` and one sentence for the client."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Exchange:
    """A request, and the way to answer it."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        #: Without slashes at both ends.
        self.path = unquote(scope["raw_path"].decode("latin-1").partition("?")[0]).strip("/")
        self.query = {
            key: values[-1] for key, values in parse_qs(scope["query_string"].decode()).items()
        }
        self.headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        self._scheme: str = scope["scheme"]
        self._receive = receive
        self._send = send

    def __repr__(self) -> str:
        return f"<Exchange {self.method} /{self.path}>"

    @property
    def root(self) -> str:
        """The namespace's address, as the client calls it."""
        return f"{self._scheme}://{self.headers.get('host', 'localhost')}"

    def number(self, name: str, default: int) -> int:
        """A parameter of the query. Raises HttpError unless it is a whole number from 0 up."""
        text = self.query.get(name, str(default))
        if not text.isdecimal():
            raise HttpError(400, f"{name} is {text!r}, expected a whole number from 0 up.")
        return int(text)

    async def body(self) -> bytes:
        """Raises HttpError if it is too large."""
        body = bytearray()
        more = True
        while more:
            part = await self._receive()
            body += part.get("body", b"")
            more = part.get("more_body", False)
            if len(body) > MAX_BODY:
                raise HttpError(413, f"The body has more than {MAX_BODY} bytes.")
        return bytes(body)

    async def respond(self, response: Response) -> None:
        fields = {"content-length": str(len(response.body)), **response.headers}
        await self._send(
            {
                "type": "http.response.start",
                "status": response.status,
                "headers": [
                    (name.encode("latin-1"), value.encode("latin-1", "replace"))
                    for name, value in fields.items()
                ],
            }
        )
        await self._send({"type": "http.response.body", "body": response.body})
