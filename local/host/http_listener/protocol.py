"""Limits on what a client may send: those of the real host's server (Kestrel), added to uvicorn.

uvicorn parses, answers in order and keeps connections alive. It has no limits on the time in which
a head or body must arrive and an answer be read, on a head's size, and on the `Host` header; this
module adds them.
"""

from __future__ import annotations

import asyncio
import fcntl
import re
import sys
import termios
from collections import deque
from http import HTTPStatus
from typing import Any, NoReturn

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

#: The most bytes of a request's target and headers, and the most headers.
MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 100
#: The real host's limit on a request's body.
MAX_BODY_BYTES = 100 * 1024 * 1024

#: Seconds in which a head must arrive, from the connection's start or the head's first byte.
HEAD_S = 10.0
#: Seconds in which a body must arrive, plus one for each BODY_BYTES_A_SECOND received.
BODY_S = 10.0
BODY_BYTES_A_SECOND = 16 * 1024

#: Seconds in which the client must read some of an answer that waits for it.
READ_S = 10.0

#: Seconds for which a connection without a request stays open once the server stops.
LINGER_S = 1.0

#: A name (also an empty one), an IPv4 address or an IPv6 address in brackets; then a port.
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(?::[0-9]{0,5})?")

_CLOSE_HEADERS = b"content-length: 0\r\nconnection: close\r\n\r\n"


class HttpProtocol(HttpToolsProtocol):
    """One connection.

    A malformed, too large or too slow request gets an error response, after the responses to the
    requests before it. Then the connection is closed.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: When the head or body that is still arriving began; None between requests.
        self._since: float | None = None
        self._in_head = True
        self._head_bytes = self._body_bytes = 0
        #: Complete heads so far.
        self._heads = 0
        #: Requests with a complete head and no complete response.
        self._due: deque[RequestResponseCycle] = deque()
        #: The status of the error response, and whether one is to be sent.
        self._status = HTTPStatus.BAD_REQUEST
        self._refused = False
        self._stopping = False
        #: Bytes of answers that the client has not read, and since when it has read none.
        self._unread, self._unread_since = 0, 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._since = self._unread_since = self.loop.time()

    def connection_lost(self, exc: Exception | None) -> None:
        # uvicorn tells only the last of them, and the others would write to a closed socket.
        for cycle in self._due:
            cycle.disconnected = True
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._since is None:
            self._since = self.loop.time()
        head_bytes, heads = self._head_bytes, self._heads
        super().data_received(data)
        if head_bytes and heads == self._heads:
            # Still the same head. The parser reports a header when it is complete; the bytes of an
            # incomplete one are counted here.
            self._head_bytes = max(self._head_bytes, head_bytes + len(data))
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._since = self.loop.time()
        self._in_head, self._head_bytes, self._body_bytes = True, 0, 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        # Headers after a chunked body (trailers) are ignored.
        if self._in_head:
            super().on_header(name, value)
            self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        self._check_host()
        super().on_headers_complete()
        self._in_head, self._head_bytes = False, 0
        self._heads += 1
        self._since = self.loop.time()
        self._due.append(self.cycle)
        if self._stopping or self.parser.should_upgrade():
            # An upgrade request is answered as a normal one. It is the connection's last, because
            # the parser stops after it.
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self._body_bytes > MAX_BODY_BYTES:
            self._stop(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._since, self._in_head = None, True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._due.popleft()
        super().on_response_complete()
        self._send_refusal()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's shape
        """Called by uvicorn when the parser has raised."""
        self._refuse(self._status)

    def shutdown(self) -> None:
        """Called by uvicorn when the server stops: the next response is the connection's last.

        An idle connection stays open for LINGER_S: a request may be on its way, and its client
        would see a reset.
        """
        self._stopping = True
        if self._due:
            super().shutdown()
        else:
            self.loop.call_later(LINGER_S, self._close_if_idle)

    def _close_if_idle(self) -> None:
        if not self._due and (self._since is None or (self._in_head and not self._head_bytes)):
            self.transport.close()

    def end_if_slow(self, now: float) -> None:
        """Refuse a request that has not arrived in its time, and end a connection whose client does
        not read. Called about once a second.
        """
        unread = self._unread_bytes()
        if not unread or unread < self._unread:
            self._unread_since = now
        self._unread = unread
        if now - self._unread_since > READ_S:
            self.transport.abort()
        else:
            self._refuse_if_slow(now)

    def _unread_bytes(self) -> int:
        """Bytes of answers that the client has not taken, if some wait for the kernel to have room.

        The kernel has room again only when much of what it holds has been taken.
        """
        waiting = self.transport.get_write_buffer_size()
        if not waiting:
            return 0
        try:
            socket = self.transport.get_extra_info("socket")
            held = fcntl.ioctl(socket.fileno(), termios.TIOCOUTQ, bytes(4))
        except OSError:  # only Linux tells it
            return waiting
        return waiting + int.from_bytes(held, sys.byteorder)

    def _refuse_if_slow(self, now: float) -> None:
        if self._since is None or self._refused:
            return
        if self.flow.read_paused:
            # The client is not slow: uvicorn has paused reading.
            self._since, self._body_bytes = now, 0
        elif now - self._since > self._allowed_s:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)

    @property
    def _allowed_s(self) -> float:
        return HEAD_S if self._in_head else BODY_S + self._body_bytes / BODY_BYTES_A_SECOND

    def _count(self, number: int) -> None:
        self._head_bytes += number
        if self._head_bytes > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
            self._stop(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def _check_host(self) -> None:
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) > 1 or any(not _HOST.fullmatch(host) for host in hosts):
            self._stop(HTTPStatus.BAD_REQUEST)
        if not hosts and self.parser.get_http_version() != "1.0":
            self._stop(HTTPStatus.BAD_REQUEST)

    def _stop(self, status: HTTPStatus) -> NoReturn:
        """Stop the parser, from one of its callbacks."""
        self._status = status
        raise ValueError(status.phrase)

    def _refuse(self, status: HTTPStatus) -> None:
        self._status, self._refused = status, True
        cycle = self.cycle
        if cycle is not None and cycle.more_body and not cycle.response_started:
            # The app waits for a body that will not be complete: disconnect it. The error response
            # takes the place of its own.
            self._due.pop()
            if self.pipeline and self.pipeline[0][0] is cycle:
                self.pipeline.popleft()
            cycle.disconnected = True
            cycle.message_event.set()
        self._send_refusal()

    def _send_refusal(self) -> None:
        if not self._refused or self._due or self.transport.is_closing():
            return
        if self._status != HTTPStatus.REQUEST_TIMEOUT or self._head_bytes or not self._in_head:
            head = [f"HTTP/1.1 {self._status} {self._status.phrase}\r\n".encode()]
            head += [b"%b: %b\r\n" % header for header in self.server_state.default_headers]
            self.transport.write(b"".join([*head, _CLOSE_HEADERS]))
        self.transport.close()
