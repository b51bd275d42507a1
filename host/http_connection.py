"""HTTP/1.1 on one connection: httptools parses, a handler answers.

Why not uvicorn: an ASGI server is ready for answers in parts, web sockets and middleware. Where
each request has one whole answer, 16 us are left of uvicorn's 38 us a request (both with an empty
handler, in turns on a busy core): no task switch, timer, event or scope for each.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from typing import Any, cast

import httptools

from host.http_data import BAD_REQUEST, FAILED, HEAD_TOO_LARGE, Response
from host.http_request import ClientGone, Request

log = logging.getLogger(__name__)

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

#: Bytes that may come before a request's headers are complete.
MAX_HEAD_BYTES = 1024 * 1024


@dataclass(eq=False)
class Traffic:
    """What the connections of a server share."""

    handler: Handler
    #: The line that says the time, kept by the server.
    date: bytes = b""
    stopping: bool = False
    connections: set[HttpConnection] = field(default_factory=set)
    #: Requests that did not end at once; they outlive a client that goes away.
    running: set[asyncio.Task[None]] = field(default_factory=set)


class HttpConnection(asyncio.Protocol):
    """Answers requests one at a time, in their order.

    It reads no further while a request waits for its turn, and begins none while the client does
    not take what it was answered.
    """

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Request] = deque()
        #: The request that is being answered, and the one whose body is being read.
        self._current: Request | None = None
        self._arriving: Request | None = None
        self._in_head, self._head_bytes = True, 0
        self._target, self._headers = b"", dict[str, str]()
        self._reading = self._writable = True
        self._last = False

    def __repr__(self) -> str:
        return f"<HttpConnection {self._current or 'idle'}, {len(self._waiting)} waiting>"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._idle_since = self._loop.time()
        self.closed = self._loop.create_future()
        self._traffic.connections.add(self)
        if self._traffic.stopping:
            self._transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        self._traffic.connections.discard(self)
        self._waiting.clear()
        if self._arriving is not None:
            self._arriving.abandon()
        self.closed.set_result(None)

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._begin()

    def close_if_idle_since(self, moment: float) -> None:
        if self._current is None and not self._waiting and self._idle_since <= moment:
            self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        refusal = self._parse(data)
        self._begin()
        if refusal:
            self._refuse(refusal)

    def _parse(self, data: bytes) -> Response | None:
        """The answer to what cannot be read."""
        try:
            while data:
                try:
                    self._parser.feed_data(data)
                    break
                except httptools.HttpParserUpgrade as upgrade:
                    # Nothing else is spoken here: answered as if it had not asked.
                    data = data[upgrade.args[0] :]
        except httptools.HttpParserError:
            return BAD_REQUEST
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                return HEAD_TOO_LARGE
        return None

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        self._target, self._headers = b"", {}

    def on_url(self, part: bytes) -> None:
        self._target += part

    def on_header(self, raw_name: bytes, raw_value: bytes) -> None:
        headers = self._headers
        name, value = _name(raw_name), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value

    def on_headers_complete(self) -> None:
        self._in_head = False
        target = self._target
        if target.startswith(b"/"):
            path, _, query = target.partition(b"?")
        else:
            url = httptools.parse_url(target)
            path, query = url.path or b"/", url.query or b""
        request = Request(
            self._parser.get_method().decode("latin-1"),
            path,
            query,
            self._headers,
            self._transport,
            keep_alive=self._parser.should_keep_alive(),
        )
        self._arriving = request if request.has_body else None
        self._waiting.append(request)

    def on_body(self, part: bytes) -> None:
        if self._arriving is not None:
            self._arriving.feed(part)

    def on_message_complete(self) -> None:
        if self._arriving is not None:
            self._arriving.finish()
            self._arriving = None

    def _begin(self) -> None:
        """Begin the next request where it is its turn."""
        if self._waiting and self._current is None and self._writable and not self._last:
            self._current = self._waiting.popleft()
            # Eager: what ends without waiting for anything costs no turn of the loop.
            task = asyncio.Task(self._answer(self._current), loop=self._loop, eager_start=True)
            if not task.done():
                self._traffic.running.add(task)
                task.add_done_callback(self._ended)
            elif self._waiting:
                self._loop.call_soon(self._begin)
        if self._waiting and self._reading:
            self._reading = False
            self._transport.pause_reading()
        elif not self._waiting and not self._reading:
            self._reading = True
            self._transport.resume_reading()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._traffic.running.discard(task)
        self._begin()

    async def _answer(self, request: Request) -> None:
        try:
            response = await self._traffic.handler(request)
        except ClientGone:
            return
        except Exception:
            log.exception("no answer to %r", request)
            response = FAILED
        self._current = None
        if self._arriving is request:
            # Answered before its body was there: what still comes is dropped.
            self._arriving = None
        self._send(
            response,
            response.body if request.method != "HEAD" else b"",
            last=not request.keep_alive or response.close or self._traffic.stopping,
        )

    def _refuse(self, response: Response) -> None:
        """Answer what cannot be read, unless an earlier answer is due: that is the last then."""
        self._waiting.clear()
        if self._current is None:
            self._send(response, response.body, last=True)
        self._last = True

    def _send(self, response: Response, body: bytes, *, last: bool) -> None:
        if self._transport.is_closing():
            return
        last = last or self._last
        end = b"connection: close\r\n\r\n" if last else b"\r\n"
        status_line = _status_line(response.status)
        self._transport.write(b"".join((status_line, self._traffic.date, response.head, end, body)))
        self._idle_since = self._loop.time()
        if last:
            self._last = True
            self._transport.close()


@lru_cache(256)
def _name(raw: bytes) -> str:
    return raw.lower().decode("latin-1")


@lru_cache
def _status_line(status: int) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()
