"""The command line, and what follows from it before an app is loaded."""

from __future__ import annotations

import argparse
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from host.errors import HostError
from host.http_server import BACKLOG
from host.keys import FUNCTION_KEY, MASTER_KEY, Keys


@dataclass(frozen=True, kw_only=True)
class Arguments:
    app_dir: Path
    host: str
    port: int
    workers: int
    verbose: bool
    #: In a worker that another process supervises: its number from 1 on, and the listening socket.
    worker: int = 0
    socket_fd: int = -1


def parse(argv: Sequence[str] | None = None) -> Arguments:
    """Ends the process over a bad command line, as argparse does."""
    parser = argparse.ArgumentParser(
        prog="python -m host", description="Run a function app without Azure."
    )
    parser.add_argument("--app", type=Path, default=Path(), help="the folder of function_app.py")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=7071)
    parser.add_argument("--workers", type=int, default=1, help="processes on the port")
    parser.add_argument("--verbose", action="store_true", help="debug lines and stack traces")
    parser.add_argument("--worker", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--socket-fd", type=int, default=-1, help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if not 1 <= given.workers <= 64:
        parser.error(f"--workers: expected 1 to 64, got {given.workers}")
    if not 0 <= given.port <= 65535:
        parser.error(f"--port: expected 0 to 65535, got {given.port}")
    return Arguments(
        app_dir=given.app.resolve(),
        host=given.host,
        port=given.port,
        workers=given.workers,
        verbose=given.verbose,
        worker=given.worker,
        socket_fd=given.socket_fd,
    )


def bind(arguments: Arguments, keys: Keys) -> socket.socket:
    """The socket to listen on. Raises HostError for an address that is taken or too open."""
    host, port = arguments.host, arguments.port
    if not keys.configured and not _is_loopback(host):
        raise HostError(
            f"listening on {host} needs a key: set {FUNCTION_KEY} or {MASTER_KEY}, "
            "or listen on 127.0.0.1"
        )
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, protocol)
    except OSError as error:
        raise HostError(f"cannot listen on {host}: {error.strerror}") from error
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(address)
        # Two sockets may be bound to one port here; only one can listen.
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise HostError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another with --port"
        ) from error
    return sock


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
