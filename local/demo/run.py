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
from local.demo.tour import Step, Tour, TourError
from local.demo.tour_model import ReferenceModel
from local.emulators.errors import EmulatorError
from local.emulators.ports import Ports, require_free
from local.emulators.stack import Stack
from local.emulators.supervisor import Supervisor

console = Console()

#: Seconds for which a port that is taken may be a killed host's.
LET_GO_S = 1.5

CURL = """curl {url}/api/score -d '{{"data": [[{row}]]}}'"""


def run(port: int, *, once: bool) -> int:
    """Start everything, make the tour, and stop afterwards or on Ctrl-C. Returns the exit code.

    Raises EmulatorError if a server cannot run.
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    signal.signal(signal.SIGTERM, _as_interrupt)
    began = time.monotonic()
    try:
        with _everything(port) as host:
            console.print(f"Ready in {time.monotonic() - began:.1f} s at {host.url}/api/score\n")
            right = _tour(host, once=once)
            if not once:
                console.print("\nIt stays up until Ctrl-C.")
                threading.Event().wait()
            return 0 if right else 1
    except KeyboardInterrupt:
        return 130 if once else 0


@contextlib.contextmanager
def _everything(port: int) -> Iterator[host_server.HostServer]:
    """The emulators and the host, up and answering; all stopped in the end."""
    stack = Stack(host_server.STATE, Ports.from_env(os.environ))
    host = host_server.HostServer(stack, port)
    supervisor = Supervisor(host, log_file=host_server.STATE / "logs" / "host.log")
    with contextlib.ExitStack() as cleanup:
        with console.status("Starting Redis, Azurite, the Service Bus emulator and the host"):
            # One that was killed lets go of it within a second.
            require_free(port, "the host", wait_s=LET_GO_S)
            cleanup.enter_context(stack)
            cleanup.callback(supervisor.stop)
            supervisor.launch()
            supervisor.wait_ready()
            if failure := host.failure():
                raise EmulatorError(f"the model can't be served: {failure}")
        yield host


def _tour(host: host_server.HostServer, *, once: bool) -> bool:
    """Make the tour, where it is known what the model takes; whether nothing was wrong."""
    try:
        model = ReferenceModel(host_server.model_dir())
    except FileNotFoundError:
        console.print(
            "No tour: only a model with golden rows in its model.json says what it takes."
        )
        return True
    try:
        right = _show_stops(host, model)
    except TourError as error:
        console.print(f"[red]{escape(str(error))}", soft_wrap=True)
        return False
    console.print(
        "Every answer equals what the model says directly."
        if right
        else "[red]Some answers differ from what the model says directly."
    )
    if not once:
        row = ",".join(f"{cell:g}" for cell in model.example())
        console.print("\nTry it yourself:\n")
        console.print(CURL.format(url=host.url, row=row), soft_wrap=True, highlight=False)
    return right


def _show_stops(host: host_server.HostServer, model: ReferenceModel) -> bool:
    """Show each stop of the tour when it is made; whether every answer was right."""
    settings = host.environment()
    tour = Tour(
        model,
        url=host.url,
        key=os.environ.get("HOST_FUNCTION_KEY", ""),
        storage=settings["ScoringStorage"],
        service_bus=settings["ServiceBusConnection"],
    )
    table = Table("Door", "Input", "Answer", "Cache")
    table.add_column("ms", justify="right")
    stops: list[Step] = []
    try:
        with Live(table, console=console):
            for stop in tour.stops():
                stops.append(stop)
                table.add_row(*_cells(stop))
    finally:
        console.print()
    return all(stop.right for stop in stops)


def _cells(stop: Step) -> tuple[str, ...]:
    answer = stop.answer if stop.right else f"[red]{stop.answer}: wrong"
    return stop.door, stop.given, answer, stop.cache, f"{stop.milliseconds:,.1f}"


def _as_interrupt(*_: object) -> None:
    raise KeyboardInterrupt
