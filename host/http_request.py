"""A request that a connection has the headers of."""

from __future__ import annotations

import asyncio


class ClientGone(Exception):
    """The client left before its body was there."""


class Request:
    """Its body may still be on the way.

    `path` and `query` are percent-encoded; the names in `headers` are in lower case, values of one
    name joined by commas.
    """

    __slots__ = (
        *("method", "path", "query", "headers", "keep_alive", "has_body"),
        *("_transport", "_parts", "_whole", "_arrival"),
    )

    def __init__(
        self,
        method: str,
        path: bytes,
        query: bytes,
        headers: dict[str, str],
        transport: asyncio.Transport,
        *,
        keep_alive: bool,
    ) -> None:
        self.method = method
        self.path, self.query = path.decode("latin-1"), query.decode("latin-1")
        self.headers = headers
        self.keep_alive = keep_alive
        #: A body in chunks, of no length known before, does not reach functions in Azure.
        self.has_body = "content-length" in headers
        self._transport = transport
        self._parts: list[bytes] = []
        self._whole = not self.has_body
        self._arrival: asyncio.Future[None] | None = None

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path}>"

    async def body(self) -> bytes:
        """All of it. Raises ClientGone."""
        if not self._whole:
            if self.headers.get("expect", "").lower() == "100-continue" and not self._parts:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._arrival = asyncio.get_running_loop().create_future()
            await self._arrival
        return b"".join(self._parts)

    def feed(self, part: bytes) -> None:
        """Take a part of the body."""
        self._parts.append(part)

    def finish(self) -> None:
        """All of the body is there."""
        self._whole = True
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    def abandon(self) -> None:
        """The rest of the body will not come."""
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_exception(ClientGone())
