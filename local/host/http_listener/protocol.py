"""What a client may send: the rules of the real host's server, over uvicorn's HTTP/1.1 protocol.

uvicorn parses, answers in order and keeps connections alive. What it has no bounds for is bounded
here: how long a head or a body may take to arrive, how much a head may hold, and what `Host` is.
"""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import Any, NoReturn

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Bytes that a request's target and headers may have, and the number of its headers.
MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 100
#: The real host's limit on a request's body.
MAX_BODY_BYTES = 100 * 1024 * 1024

#: Seconds from a connection's beginning, or a head's first byte, in which the head must be there.
HEAD_S = 10.0
#: A body must be there within so many seconds, and one more for so many bytes that have come.
BODY_S = 10.0
BODY_BYTES_A_SECOND = 16 * 1024

#: Seconds for which a connection without a request stays open once the server stops.
LINGER_S = 1.0

#: A name, an IPv4 address or an IPv6 one in brackets, and a port. Empty is a name too.
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(?::[0-9]{0,5})?")

_LAST = b"content-length: 0\r\nconnection: close\r\n\r\n"


class HttpProtocol(HttpToolsProtocol):
    """One connection.

    What can't be read, is too large or too slow is refused: answered after everything that is due
    before it, as the connection's last answer.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: When the head or the body began that is not whole yet.
        self._since: float | None = None
        self._in_head = True
        self._head_bytes = self._body_bytes = 0
        #: How many heads have become whole.
        self._heads = 0
        #: Requests whose head is there and whose answer is not.
        self._due = 0
        #: Why the parser was stopped, and whether that is to be answered.
        self._status = HTTPStatus.BAD_REQUEST
        self._refused = False
        self._stopping = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._since is None:
            self._since = self.loop.time()
        head_bytes, heads = self._head_bytes, self._heads
        super().data_received(data)
        if head_bytes and heads == self._heads:
            # Still the same head. The parser tells of a header when it is whole: what grows is
            # counted here.
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
        # After a chunked body there may be more of them; nobody reads those.
        if self._in_head:
            super().on_header(name, value)
            self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        self._check_host()
        super().on_headers_complete()
        self._in_head, self._head_bytes = False, 0
        self._heads += 1
        self._since = self.loop.time()
        self._due += 1
        if self._stopping or self.parser.should_upgrade():
            # As nothing else is spoken here, an upgrade is answered as if nobody had asked, and
            # as the last request, for the parser reads no further.
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
        self._due -= 1
        super().on_response_complete()
        self._answer_refusal()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's shape
        """uvicorn calls it when the parser has stopped."""
        self._refuse(self._status)

    def shutdown(self) -> None:
        """uvicorn calls it when the server stops: the next answer is the connection's last.

        One without a request stays for a moment. Its client may have sent one that is not here
        yet, and who sends to a closed connection sees it reset.
        """
        self._stopping = True
        if self._due:
            super().shutdown()
        else:
            self.loop.call_later(LINGER_S, self._end_if_idle)

    def _end_if_idle(self) -> None:
        if not self._due and (self._since is None or (self._in_head and not self._head_bytes)):
            self.transport.close()

    def end_if_slow(self, now: float) -> None:
        """Refuse what has not arrived in its time. To be called about every second."""
        if self._since is None or self._refused:
            return
        if self.flow.read_paused:
            # Not the client is slow: what it sends has to wait here.
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
        """End the parsing, in one of its callbacks."""
        self._status = status
        raise ValueError(status.phrase)

    def _refuse(self, status: HTTPStatus) -> None:
        self._status, self._refused = status, True
        cycle = self.cycle
        if cycle is not None and cycle.more_body and not cycle.response_started:
            # Its body will never be whole: nobody shall wait for it, and this is its answer.
            self._due -= 1
            if self.pipeline and self.pipeline[0][0] is cycle:
                self.pipeline.popleft()
            cycle.disconnected = True
            cycle.message_event.set()
        self._answer_refusal()

    def _answer_refusal(self) -> None:
        if not self._refused or self._due or self.transport.is_closing():
            return
        if self._status != HTTPStatus.REQUEST_TIMEOUT or self._head_bytes or not self._in_head:
            head = [f"HTTP/1.1 {self._status} {self._status.phrase}\r\n".encode()]
            head += [b"%b: %b\r\n" % header for header in self.server_state.default_headers]
            self.transport.write(b"".join([*head, _LAST]))
        self.transport.close()
