"""The command line of the host process."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

#: What sets the port of `triscore host` and `triscore up` if `--port` does not.
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
    """Read what `triscore host`, the demo or the supervisor passes; people use `triscore host`."""
    parser = argparse.ArgumentParser(prog="local.host", add_help=False)
    parser.add_argument("--app", type=Path, default=Path())
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--parent", type=int, default=0)
    parser.add_argument("--worker", type=int, default=0)
    parser.add_argument("--socket-fd", type=int, default=-1)
    parsed = parser.parse_args(argv)
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
