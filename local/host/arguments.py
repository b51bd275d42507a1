"""The command line, and what follows from it before an app is loaded."""

from __future__ import annotations

import argparse
import errno
import ipaddress
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local.host.errors import HostError
from local.host.http_listener.keys import FUNCTION_KEY, MASTER_KEY, Keys

#: The setting that says what `--port` says, for where no command line can be given.
PORT_SETTING = "TRISCORE_HTTP_PORT"
DEFAULT_PORT = 7071

#: Seconds in which the workers of a host that was killed let go of its port.
LET_GO_S = 1.5
LOOK_S = 0.05


@dataclass(frozen=True, kw_only=True)
class Arguments:
    app_dir: Path
    host: str
    port: int
    workers: int
    verbose: bool
    #: The process that must be this one's parent; 0: none must.
    parent: int = 0
    #: In a worker: its number from 1 on, and the listening socket.
    worker: int = 0
    socket_fd: int = -1


def parse(argv: Sequence[str] | None = None) -> Arguments:
    """Ends the process over a bad command line, as argparse does."""
    parser = argparse.ArgumentParser(
        prog="python -m local.host", description="Run a function app without Azure."
    )
    parser.add_argument("--app", type=Path, default=Path(), help="the folder of function_app.py")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument(
        "--port",
        type=_port,
        default=os.environ.get(PORT_SETTING) or str(DEFAULT_PORT),
        help=f"default: {PORT_SETTING} of the environment, or {DEFAULT_PORT}",
    )
    parser.add_argument("--workers", type=int, default=1, help="processes on the port")
    parser.add_argument("--verbose", action="store_true", help="debug lines and stack traces")
    parser.add_argument("--parent", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--worker", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--socket-fd", type=int, default=-1, help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if not 1 <= given.workers <= 64:
        parser.error(f"--workers: expected 1 to 64, got {given.workers}")
    return Arguments(
        app_dir=given.app.resolve(),
        host=given.host,
        port=given.port,
        workers=given.workers,
        verbose=given.verbose,
        parent=given.parent,
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
    except OSError as error:
        raise HostError(f"cannot listen on {host}: {error.strerror}") from error
    deadline = time.monotonic() + LET_GO_S
    while True:
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(address)
            # Two sockets may be bound to one port here; only one can listen.
            sock.listen()
        except OSError as error:
            sock.close()
            if error.errno == errno.EADDRINUSE and time.monotonic() < deadline:
                time.sleep(LOOK_S)
                continue
            raise HostError(
                f"cannot listen on {host}:{port}: {error.strerror}; choose another with --port "
                f"or {PORT_SETTING}"
            ) from error
        return sock


def _port(text: str) -> int:
    if text.isascii() and text.isdecimal() and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected 0 to 65535, got {text!r} (or {PORT_SETTING} is it)")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
