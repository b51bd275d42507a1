"""`triscore up`, `demo` and `host`: run the app on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.errors import require_clone

Port = Annotated[
    int | None,
    typer.Option(
        "--port",
        min=1,
        max=65535,
        envvar="TRISCORE_HTTP_PORT",
        help="The port of the host; without it 7071, or the next free one.",
    ),
]
Sample = Annotated[
    Path | None,
    typer.Option("--sample", metavar="FILE", help="What to score, for example request.json."),
]


def up(*, port: Port = None, sample: Sample = None) -> int:
    """Start the emulators and the host, score through all three triggers, stay up until Ctrl-C."""
    return _demo(port, sample, once=False)


def demo(*, port: Port = None, sample: Sample = None) -> int:
    """Do what `up` does, then stop. Exit code 0 only if every answer was right."""
    return _demo(port, sample, once=True)


def host(
    *,
    app: Annotated[
        Path, typer.Option("--app", help="The folder that holds function_app.py.")
    ] = Path(),
    address: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            "--port",
            min=0,
            max=65535,
            envvar="TRISCORE_HTTP_PORT",
            help="The port to listen on; 0 for a free one.",
        ),
    ] = 7071,
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=64, help="How many processes serve the port.")
    ] = 1,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Log debug lines and stack traces.")
    ] = False,
) -> int:
    """Run a function app without Azure: HTTP, Blob and Service Bus triggers, until Ctrl-C."""
    arguments = ["--app", str(app), "--host", address, "--port", str(port)]
    arguments += ["--workers", str(workers), *(["--verbose"] if verbose else [])]
    # The host takes this process over: what the command line imported leaves the memory.
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "local.host", *arguments])  # noqa: S606 - ours


def _demo(port: int | None, sample: Path | None, *, once: bool) -> int:
    require_clone("triscore up" if not once else "triscore demo")
    from local.demo.run import run

    return run(port, sample, once=once)
