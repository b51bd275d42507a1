"""A proxy in front of Azurite's blob service that throttles, hangs, or cuts an answer short."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, Self

from local.emulators.ports import HOST
from tests.servers import AzuriteProcess, free_port

Fault = Literal["busy", "hang", "cut", "garbage", "refuse"]
#: The fault of a request, by its method and path; None for no fault.
Plan = Callable[[str, str], Fault | None]

_ANSWERS = {"busy": (503, "ServerBusy"), "refuse": (409, "BlobArchived")}


class StorageProxy:
    """`with StorageProxy(azurite) as proxy: proxy.plan = lambda method, path: "busy"`."""

    def __init__(self, azurite: AzuriteProcess) -> None:
        self._blob_port = azurite.port
        self.plan: Plan = lambda _method, _path: None
        self.asked: list[str] = []
        #: Requests that hang wait for this.
        self.released = threading.Event()
        port = free_port()
        self.connection_string = azurite.connection_string.replace(
            f":{self._blob_port}/", f":{port}/"
        )
        assert self.connection_string != azurite.connection_string
        self._server = ThreadingHTTPServer((HOST, port), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def fail_first(self, count: int, fault: Fault, *, method: str = "", path: str = "") -> None:
        """Let the next `count` matching requests fail."""
        left = [fault] * count

        def plan(asked: str, at: str) -> Fault | None:
            matches = asked.startswith(method) and path in at
            return left.pop() if matches and left else None

        self.plan = plan

    def forward(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(HOST, self._blob_port, timeout=30)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()


def _handler(proxy: StorageProxy) -> type[BaseHTTPRequestHandler]:
    return type("Handler", (_Handler,), {"proxy": proxy})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: StorageProxy

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.proxy.asked.append(f"{self.command} {self.path}")
        fault = self.proxy.plan(self.command, self.path)
        if fault == "hang":
            self.proxy.released.wait()
            self.close_connection = True
        elif fault in _ANSWERS:
            status, code = _ANSWERS[fault]
            content = f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode()
            self._answer(status, [("x-ms-error-code", code)], content)
        else:
            status, headers, content = self.proxy.forward(
                self.command, self.path, dict(self.headers), body
            )
            if fault == "garbage":
                headers, content = [("x-ms-version", "?")], b"<?xml <<<"
            self._answer(status, headers, content, cut=fault == "cut")

    do_PUT = do_HEAD = do_DELETE = do_POST = do_GET  # noqa: N815 - http.server's names

    def _answer(
        self, status: int, headers: list[tuple[str, str]], content: bytes, *, cut: bool = False
    ) -> None:
        self.send_response_only(status)
        sent = {name.lower(): value for name, value in headers}
        for name, value in headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        # The answer to HEAD has the length of a GET's.
        length = sent.get("content-length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if cut else content)
        self.close_connection = self.close_connection or cut
