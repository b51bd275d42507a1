"""Group commit: one store commit for all frames that one iteration of the event loop handles.

At the end of an iteration, ready messages are delivered, the store commits, and only then do the
connections send what they have buffered. A client therefore never learns of a change that
`kill -9` could undo.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from local.emulators.servicebus.broker.errors import StoreError
from local.emulators.servicebus.broker.journal import Journal


class Deliverer(Protocol):
    """Has messages to deliver before the commit."""

    def deliver(self) -> None: ...


class Writer(Protocol):
    """Has bytes to send after the commit."""

    def flush(self) -> None: ...


@dataclass(frozen=True, eq=False)
class _Waiter:
    """A Writer that wakes a coroutine."""

    done: asyncio.Future[None]

    def flush(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


class GroupCommit:
    """Collects the work of one iteration and runs it in order: deliver, commit, send.

    After a failed commit nothing more is sent.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        journal: Journal,
        on_failure: Callable[[StoreError], None],
    ) -> None:
        self._loop = loop
        self._journal = journal
        self._on_failure = on_failure
        self._scheduled = False
        self._failed = False
        # Dicts serve as sets that keep their order.
        self._deliverers: dict[Deliverer, None] = {}
        self._writers: dict[Writer, None] = {}
        self._after_delivery: list[Callable[[], None]] = []

    def __repr__(self) -> str:
        return f"<GroupCommit: {len(self._deliverers)} to deliver, {len(self._writers)} to send>"

    def deliver(self, deliverer: Deliverer) -> None:
        self._deliverers[deliverer] = None
        self._schedule()

    def write(self, writer: Writer) -> None:
        self._writers[writer] = None
        self._schedule()

    def after_delivery(self, callback: Callable[[], None]) -> None:
        """Call back between delivery and commit."""
        self._after_delivery.append(callback)
        self._schedule()

    async def committed(self) -> None:
        """Wait until the changes of this iteration are durable. Never returns if they are not."""
        waiter = _Waiter(self._loop.create_future())
        self.write(waiter)
        await waiter.done

    def run(self) -> None:
        """Called by the event loop, and by the server when it stops."""
        self._scheduled = False
        if self._failed:
            return
        while self._deliverers:
            deliverers, self._deliverers = self._deliverers, {}
            for deliverer in deliverers:
                deliverer.deliver()
        callbacks, self._after_delivery = self._after_delivery, []
        for callback in callbacks:
            callback()
        try:
            self._journal.commit()
        except StoreError as error:
            self._failed = True
            self._on_failure(error)
            return
        writers, self._writers = self._writers, {}
        for writer in writers:
            writer.flush()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.run)
