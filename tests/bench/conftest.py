"""A real load generator, and a server that keeps what it is sent."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench import environments
from bench.errors import BenchError


class Listener(ThreadingHTTPServer):
    """Answers every request alike, and remembers its body."""

    daemon_threads = True

    def __init__(self, answer: bytes, status: int, headers: dict[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer, self.status, self.headers = answer, status, headers
        self.bodies: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Listener

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.answer)))
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.server.answer)

    do_GET = do_POST  # noqa: N815 - the name that http.server looks for

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def listen() -> Iterator[Callable[..., Listener]]:
    """`listen(answer, status=200, **headers)`: a server that is up."""
    up: list[Listener] = []

    def start(answer: bytes = b"ok", status: int = 200, **headers: str) -> Listener:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        server = Listener(answer, status, named)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        up.append(server)
        return server

    yield start
    for server in up:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def wrk() -> None:
    """The load generator, brought where it is missing, as `make bench` brings it."""
    try:
        environments.require_programs({"wrk": "wrk"}, lambda _: None)
    except BenchError as error:
        # Where tests must not be left out silently, a missing program is a failure.
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))
