"""One turn of the event loop: what was collected during it becomes durable, then visible.

Frames of many connections are handled in a turn. At its end ready messages are dealt out, the
store commits, and only then do the connections send what they have written: no client ever reads
of something that a `kill -9` could undo.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from local.emulators.servicebus.broker.errors import StoreError
from local.emulators.servicebus.broker.journal import Journal


class Dealer(Protocol):
    """Has messages to hand out at the end of a turn."""

    def deal(self) -> None: ...


class Writer(Protocol):
    """Has bytes to send once the store has committed."""

    def flush(self) -> None: ...


class Turn:
    """Collects who has something to do at the turn's end, and does it in the right order."""

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
        # Dicts keep the order of asking.
        self._dealers: dict[Dealer, None] = {}
        self._writers: dict[Writer, None] = {}
        self._when_dealt: list[Callable[[], None]] = []

    def __repr__(self) -> str:
        return f"<Turn: {len(self._dealers)} to deal, {len(self._writers)} to write>"

    def deal(self, dealer: Dealer) -> None:
        self._dealers[dealer] = None
        self._schedule()

    def write(self, writer: Writer) -> None:
        self._writers[writer] = None
        self._schedule()

    def when_dealt(self, callback: Callable[[], None]) -> None:
        """Call back at the turn's end, between dealing out and committing."""
        self._when_dealt.append(callback)
        self._schedule()

    def end(self) -> None:
        """Called by the loop, and once more when the server stops."""
        self._scheduled = False
        if self._failed:
            return
        while self._dealers:
            dealers, self._dealers = self._dealers, {}
            for dealer in dealers:
                dealer.deal()
        callbacks, self._when_dealt = self._when_dealt, []
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
            self._loop.call_soon(self.end)
