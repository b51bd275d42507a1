"""The host's own HTTP, with a handler that answers `ok`: `python host_http.py PORT`."""

from __future__ import annotations

import asyncio
import socket
import sys

import uvloop

from host.http_data import Response
from host.http_request import Request
from host.http_server import BACKLOG, HttpServer

OK = Response(200, b"content-type: text/plain\r\ncontent-length: 2\r\n", b"ok")


async def ok(_: Request) -> Response:
    return OK


async def main(port: int) -> None:
    sock = socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
    await HttpServer(ok, sock, drain_s=1).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
