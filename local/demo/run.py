"""What `triscore up` and `triscore demo` do: start everything, make the tour, stay up or stop."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from local.demo import host_server
from local.demo.reference_model import ReferenceModel
from local.demo.tour import Step, Tour, TourError
from local.emulators.errors import EmulatorError
from local.emulators.ports import Ports, require_free
from local.emulators.stack import Stack
from local.emulators.supervisor import Supervisor

console = Console()

#: Seconds to wait for a taken port: a killed host releases it within this time.
RELEASE_S = 1.5

CURL = """curl {url}/api/score -d '{{"data": [[{row}]]}}'"""


def run(port: int, *, once: bool) -> int:
    """Start everything, make the tour, and stop afterwards or on Ctrl-C. Returns the exit code.

    Raises EmulatorError if a server cannot run.
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    signal.signal(signal.SIGTERM, _interrupt)
    start = time.monotonic()
    try:
        with _running(port) as host:
            console.print(f"Ready in {time.monotonic() - start:.1f} s at {host.url}/api/score\n")
            correct = _tour(host, once=once)
            if not once:
                console.print("\nIt stays up until Ctrl-C.")
                threading.Event().wait()
            return 0 if correct else 1
    except KeyboardInterrupt:
        return 130 if once else 0


@contextlib.contextmanager
def _running(port: int) -> Iterator[host_server.HostServer]:
    """The emulators and the host, until the end of the block. Raises EmulatorError."""
    stack = Stack(host_server.STATE, Ports.from_env(os.environ))
    host = host_server.HostServer(stack, port)
    supervisor = Supervisor(host, log_file=host_server.STATE / "logs" / "host.log")
    with contextlib.ExitStack() as cleanup:
        with console.status("Starting Redis, Azurite, the Service Bus emulator and the host"):
            require_free(port, "the host", wait_s=RELEASE_S)
            cleanup.enter_context(stack)
            cleanup.callback(supervisor.stop)
            supervisor.launch()
            supervisor.wait_ready()
            if failure := host.failure():
                raise EmulatorError(f"the model cannot be served: {failure}")
        yield host


def _tour(host: host_server.HostServer, *, once: bool) -> bool:
    """Score through each trigger, if the model has golden rows. Returns whether all was correct."""
    try:
        model = ReferenceModel(host_server.model_dir())
    except FileNotFoundError:
        console.print(
            "No tour: the model has no golden rows, so its input is not known. "
            "`triscore describe MODEL --rows FILE` adds them to its triscore.json."
        )
        return True
    try:
        correct = _show_steps(host, model)
    except TourError as error:
        console.print(f"[red]{escape(str(error))}", soft_wrap=True)
        return False
    console.print(
        "Every answer equals the model's own prediction."
        if correct
        else "[red]Some answers differ from the model's own predictions."
    )
    if not once:
        row = ",".join(f"{cell:g}" for cell in model.example())
        console.print("\nTry it yourself:\n")
        console.print(CURL.format(url=host.url, row=row), soft_wrap=True, highlight=False)
    return correct


def _show_steps(host: host_server.HostServer, model: ReferenceModel) -> bool:
    """Show each step as it is made. Returns whether every answer was correct."""
    settings = host.environment()
    tour = Tour(
        model,
        url=host.url,
        key=os.environ.get("HOST_FUNCTION_KEY", ""),
        storage=settings["ScoringStorage"],
        service_bus=settings["ServiceBusConnection"],
    )
    table = Table("Trigger", "Input", "Answer", "Cache")
    table.add_column("ms", justify="right")
    steps: list[Step] = []
    try:
        with Live(table, console=console):
            for step in tour.steps():
                steps.append(step)
                table.add_row(*_cells(step))
    finally:
        console.print()
    return all(step.correct for step in steps)


def _cells(step: Step) -> tuple[str, ...]:
    answer = step.answer if step.correct else f"[red]{step.answer}: wrong"
    return step.trigger, step.input, answer, step.cache, f"{step.milliseconds:,.1f}"


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
