"""uvicorn as the host sets it up, with a handler that answers `ok`: `python host_http.py PORT`."""

from __future__ import annotations

import asyncio
import socket
import sys

import uvloop

from local.host.http_listener.asgi_app import Receive, Scope, Send
from local.host.http_listener.server import BACKLOG, HttpServer

HEADERS = [(b"content-type", b"text/plain"), (b"content-length", b"2")]


async def ok(_: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": b"ok"})


async def main(port: int) -> None:
    sock = socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
    await HttpServer(ok, sock, drain_s=1).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
