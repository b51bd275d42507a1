"""Upper limits of any app: bare HTTP servers, and the host with an empty function."""

from __future__ import annotations

import sys

from bench.environments import Environment
from bench.places import BENCH, ROOT, free_port
from bench.servers.server import Server
from bench.servers.stage import Stage
from local.emulators.ports import HOST

LIMITS = BENCH / "limits"

#: Other HTTP servers that a host could use.
OTHERS = Environment("http-servers")


def bare(_stage: Stage, _workers: int) -> Server:
    """The server that the marks compare with."""
    uvicorn = (sys.executable, "-m", "uvicorn", "--loop", "uvloop", "--http", "httptools")
    quiet = ("--lifespan", "off", "--no-access-log", "--log-level", "warning")
    port = free_port()
    return _empty("bare", port, (*uvicorn, *quiet, "--port", str(port)))


def host_http(_stage: Stage, _workers: int) -> Server:
    port = free_port()
    return Server(
        name="host-http",
        command=(sys.executable, str(LIMITS / "host_http.py"), str(port)),
        port=port,
        ready="/",
        dialect=None,
        env={"PYTHONPATH": str(ROOT)},
    )


def granian(_stage: Stage, _workers: int) -> Server:
    port = free_port()
    command = (OTHERS.program("granian"), "--interface", "asginl", "--loop", "uvloop", "--no-ws")
    return _empty("granian", port, (*command, "--log-level", "error", "--port", str(port)))


def hypercorn(_stage: Stage, _workers: int) -> Server:
    port = free_port()
    command = (OTHERS.program("hypercorn"), "-k", "uvloop", "-b", f"{HOST}:{port}")
    return _empty("hypercorn", port, command)


def empty_function(_stage: Stage, _workers: int) -> Server:
    port = free_port()
    return Server(
        name="empty-function",
        command=(
            *(sys.executable, "-m", "local.host", "--app", str(LIMITS / "empty_function")),
            *("--port", str(port)),
        ),
        port=port,
        ready="/api/empty",
        dialect=None,
        env={"PYTHONPATH": str(ROOT)},
    )


def _empty(name: str, port: int, command: tuple[str, ...]) -> Server:
    return Server(
        name=name,
        command=(*command, "empty_asgi:app"),
        port=port,
        ready="/",
        dialect=None,
        cwd=LIMITS,
    )
