"""The command line of `python -m local.host`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

#: The environment's name for `--port`.
PORT_SETTING = "TRISCORE_HTTP_PORT"
DEFAULT_PORT = 7071


@dataclass(frozen=True, kw_only=True)
class Arguments:
    app_dir: Path
    host: str
    port: int
    workers: int
    verbose: bool
    #: The process whose end ends this one; 0 for none.
    parent: int = 0
    #: Set in worker processes: the worker's number, from 1 on, and its listening socket.
    worker: int = 0
    socket_fd: int = -1


def parse(argv: Sequence[str] | None = None) -> Arguments:
    """Ends the process if the command line is wrong, as argparse does."""
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
    parser.add_argument("--workers", type=int, default=1, help="how many processes serve the port")
    parser.add_argument("--verbose", action="store_true", help="log debug lines and stack traces")
    parser.add_argument("--parent", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--worker", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--socket-fd", type=int, default=-1, help=argparse.SUPPRESS)
    parsed = parser.parse_args(argv)
    if not 1 <= parsed.workers <= 64:
        parser.error(f"--workers: expected 1 to 64, got {parsed.workers}")
    return Arguments(
        app_dir=parsed.app.resolve(),
        host=parsed.host,
        port=parsed.port,
        workers=parsed.workers,
        verbose=parsed.verbose,
        parent=parsed.parent,
        worker=parsed.worker,
        socket_fd=parsed.socket_fd,
    )


def _port(text: str) -> int:
    if text.isascii() and text.isdecimal() and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(
        f"expected 0 to 65535, got {text!r}; it comes from the command line or {PORT_SETTING}"
    )
