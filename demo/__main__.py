"""`python -m demo [--once]`: start everything, make the tour, stay up (or stop)."""

from __future__ import annotations

import argparse
import contextlib
import logging
import signal
import sys
import threading
import time
from collections.abc import Iterator

from rich.console import Console
from rich.live import Live
from rich.table import Table

from demo import places
from demo.tour import Stop, Tour, TourError
from emulators.errors import EmulatorError
from emulators.ports import require_free
from emulators.stack import Stack
from emulators.supervisor import Supervisor

console = Console()

CURL = """curl {url}/api/score -d '{{"data": [[{row}]]}}'"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="stop after the tour")
    parser.add_argument("--port", type=int, default=7071, help="the host's port")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    signal.signal(signal.SIGTERM, _as_interrupt)
    began = time.monotonic()
    try:
        with _everything(arguments.port) as host:
            console.print(f"Ready in {time.monotonic() - began:.1f} s at {host.url}/api/score\n")
            right = _show_tour(host)
            if not arguments.once:
                _stay(host)
            return 0 if right else 1
    except (EmulatorError, TourError) as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, EmulatorError) else 1
    except KeyboardInterrupt:
        return 130 if arguments.once else 0


@contextlib.contextmanager
def _everything(port: int) -> Iterator[places.HostServer]:
    """The emulators and the host, up and answering; all stopped in the end."""
    stack = Stack(places.STATE, places.ports())
    host = places.HostServer(stack, port)
    supervisor = Supervisor(host, log_file=places.STATE / "logs" / "host.log")
    with contextlib.ExitStack() as cleanup:
        with console.status("Starting Redis, Azurite, the Service Bus emulator and the host"):
            require_free(port, "the host")
            cleanup.enter_context(stack)
            cleanup.callback(supervisor.stop)
            supervisor.launch()
            supervisor.wait_ready()
        yield host


def _show_tour(host: places.HostServer) -> bool:
    """Show the tour while it is made; whether every answer was right."""
    settings = host.environment()
    tour = Tour(
        url=host.url,
        storage=settings["ScoringStorage"],
        service_bus=settings["ServiceBusConnection"],
        model_file=places.ROOT / "models/digits/model.joblib",
    )
    table = Table("Door", "Input", "Answer", "Cache")
    table.add_column("ms", justify="right")
    stops: list[Stop] = []
    with Live(table, console=console):
        for stop in tour.stops():
            stops.append(stop)
            table.add_row(*_cells(stop))
    right = all(stop.right for stop in stops)
    console.print()
    console.print(
        "Every answer equals what the model says directly."
        if right
        else "[red]Some answers differ from what the model says directly."
    )
    return right


def _cells(stop: Stop) -> tuple[str, ...]:
    answer = stop.answer if stop.right else f"[red]{stop.answer}: wrong"
    return stop.door, stop.given, answer, stop.cache, f"{stop.milliseconds:,.1f}"


def _stay(host: places.HostServer) -> None:
    row = ",".join(["0"] * 64)
    console.print("\nIt stays up until Ctrl-C. Try it yourself:\n")
    console.print(CURL.format(url=host.url, row=row), soft_wrap=True, highlight=False)
    threading.Event().wait()


def _as_interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
