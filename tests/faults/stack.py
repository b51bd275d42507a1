"""The whole app with its servers, and what a fault case asks about its processes and queues."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from azure.servicebus import ServiceBusClient, ServiceBusSubQueue

from local.emulators.ports import HOST
from tests import small_model
from tests.inbox import Inbox
from tests.running_app import App
from tests.waiting import eventually

PAGE = os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def running(
    *,
    workers: int = 1,
    make_model: Callable[[Path], Path] = small_model.save,
    before_host: Callable[[App], None] = lambda _: None,
    **settings: str,
) -> Iterator[App]:
    """The app, up and answering. Every process ends with the block."""
    with tempfile.TemporaryDirectory(prefix="triscore-faults-") as name:
        folder = Path(name)
        app = App.in_folder(
            folder,
            make_model(folder),
            env=settings,
            host_args=("--workers", str(workers)) if workers > 1 else (),
        )
        try:
            app.start_servers()
            before_host(app)
            app.start_host()
            yield app
        except BaseException:
            print(f"the end of the host's log:\n{log_of(app)}")
            raise
        finally:
            app.stop()


def log_of(app: App, lines: int = 30) -> str:
    file = app.folder / "host.log"
    return (
        "\n".join(file.read_text(errors="replace").splitlines()[-lines:]) if file.exists() else ""
    )


@contextlib.contextmanager
def inbox_of(app: App) -> Iterator[Inbox]:
    inbox = Inbox(app.servicebus.connection_string)
    try:
        yield inbox
    finally:
        inbox.close()


def children(pid: int) -> list[int]:
    """The processes that a process started."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and _parent(entry) == pid
    ]


def resident(pid: int) -> int:
    """Bytes of memory that a process and its children hold."""
    return sum(_resident(each) for each in (pid, *children(pid)))


def address(app: App) -> tuple[str, int]:
    return HOST, app.host.port


def dead_letters(app: App) -> list[str]:
    """At most a hundred dead letters: id and reason."""
    with (
        ServiceBusClient.from_connection_string(app.servicebus.connection_string) as client,
        client.get_queue_receiver(
            "scoring-requests", sub_queue=ServiceBusSubQueue.DEAD_LETTER
        ) as receiver,
    ):
        return [
            f"{message.message_id}: {message.dead_letter_reason}"
            for message in receiver.peek_messages(100)
        ]


def left(app: App) -> str:
    """How many messages wait in each queue, locked or not."""
    with ServiceBusClient.from_connection_string(app.servicebus.connection_string) as client:
        counts = []
        for queue in ("scoring-requests", "scoring-results"):
            with client.get_queue_receiver(queue) as receiver:
                counts.append(f"{queue} {len(receiver.peek_messages(1000))}")
    return ", ".join([*counts, f"dead letters {len(dead_letters(app))}"])


def within(predicate: Callable[[], Any], timeout_s: float) -> bool:
    """Whether a condition became true in time."""
    try:
        eventually(predicate, timeout_s)
    except AssertionError:
        return False
    return True


def at_rest(read: Callable[[], int], *, still_s: float, timeout_s: float) -> int:
    """A count, once it has not changed for `still_s` seconds, or after `timeout_s`."""
    last, since, end = read(), time.monotonic(), time.monotonic() + timeout_s
    while time.monotonic() - since < still_s and time.monotonic() < end:
        time.sleep(0.1)
        if (now := read()) != last:
            last, since = now, time.monotonic()
    return last


def _parent(process: Path) -> int:
    try:
        # The name, in brackets, may hold spaces.
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return -1


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except OSError:
        return 0
