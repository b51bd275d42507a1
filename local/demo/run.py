"""What `triscore up` and `triscore demo` do: start everything, make the tour, stay up or stop."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path

from local.demo import presentation
from local.demo.errors import DemoError
from local.demo.free_ports import HTTP_PORT, choose_http_port, choose_ports
from local.demo.host_server import ROOT, STATE, HostServer
from local.demo.model_check import require_model
from local.demo.screen import console, waiting
from local.demo.served_app import announced, find_address
from local.demo.settings import REDIS, AppSettings, read_settings
from local.emulators.errors import EmulatorError
from local.emulators.ports import Ports
from local.emulators.stack import Stack
from local.emulators.state_folder import StateFolder
from local.emulators.supervisor import Supervisor
from local.host.host_json import HostOptions

#: Seconds in which the model must have loaded. A host that ends is noticed at once.
MODEL_S = 600.0


def run(port: int | None, sample: Path | None, *, once: bool) -> int:
    """Start everything, make the tour, and stop afterwards or on Ctrl-C. Returns the exit code.

    `port`: of the host; without one the usual one, or the next free one. `sample`: what the tour
    sends. Raises DemoError, EmulatorError, HostError if something cannot run.
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    signal.signal(signal.SIGTERM, _interrupt)
    settings = AppSettings.read(ROOT, os.environ)
    require_model(settings)
    if sample is not None and not sample.is_file():
        raise DemoError(
            f"{sample} is not a file: SAMPLE (or --sample) names one with an input of the model"
        )
    try:
        with _running(port, settings, "demo" if once else "run") as host:
            correct = presentation.show(host, settings, sample, stays_up=not once)
            if not once:
                threading.Event().wait()
            return 0 if correct else 1
    except KeyboardInterrupt:
        return 130 if once else 0


@contextlib.contextmanager
def _running(port: int | None, settings: AppSettings, target: str) -> Iterator[HostServer]:
    """The emulators and the host, until the end of the block.

    `target`: of make. Raises DemoError, EmulatorError, HostError.
    """
    start = time.monotonic()
    options = HostOptions.read(ROOT / "host.json", read_settings(ROOT, os.environ))
    folder = StateFolder(STATE)
    if record := folder.running():
        address = find_address(STATE)
        place = f", at {address}" if address else ""
        raise EmulatorError(
            f"Triscore runs in this folder already{place} (process {record.pid}): stop it with"
            " Ctrl-C, or with `make stop`"
        )
    ports = choose_ports(os.environ, was_killed=folder.was_killed)
    has_redis = shutil.which("redis-server") is not None
    stack = Stack(STATE, ports, with_redis=has_redis)
    host = HostServer(
        stack,
        choose_http_port(port, astuple(ports), target=target),
        prefix=options.http.route_prefix,
        has_http="http" in settings.triggers,
    )
    _show_changes(host, port)
    supervisor = Supervisor(host, log_file=STATE / "logs" / "host.log", ready_s=MODEL_S)
    names = "Redis, Azurite" if has_redis else "Azurite"
    with contextlib.ExitStack() as cleanup:
        with waiting(f"Starting {names}, the Service Bus emulator and the host"):
            cleanup.enter_context(stack)
            cleanup.callback(supervisor.stop)
            supervisor.launch()
            supervisor.wait_ready()
            if failure := host.failure():
                raise EmulatorError(f"the model cannot be served: {failure}{_remedy(failure)}")
        cleanup.enter_context(announced(host.address, STATE))
        console.print(f"Ready in {time.monotonic() - start:.1f} s at {host.link}\n")
        yield host


def _remedy(failure: str) -> str:
    """How to install here what a model or script needs. requirements.txt is what Azure installs."""
    if missing := re.search(r"(\S+?),? (?:which )?is not installed: add it", failure):
        return f", and here `.venv/bin/python -m pip install {missing[1]}`"
    if re.search(r"did not start: ModuleNotFoundError", failure):
        return (
            ". Put the module beside the script, or install its package with"
            " `.venv/bin/python -m pip install NAME`"
        )
    return ""


def _show_changes(host: HostServer, asked: int | None) -> None:
    """Say what is not as usual, a line each."""
    if asked is None and host.port != HTTP_PORT:
        console.print(f"Port {HTTP_PORT} is taken: the host uses {host.port}.")
    pairs = zip(astuple(Ports.from_env(os.environ)), astuple(host.stack.ports), strict=True)
    if taken := [str(usual) for usual, chosen in pairs if usual != chosen]:
        are = "s {} are" if len(taken) > 1 else " {} is"
        console.print(f"Port{are.format(', '.join(taken))} taken: the emulators use others.")
    if not host.stack.redis_url and not host.environment().get(REDIS):
        console.print("redis-server is not installed: the app caches in its own memory.")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
