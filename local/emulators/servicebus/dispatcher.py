"""Delivers a queue's messages to its receivers, and advances the queue when a deadline passes."""

from __future__ import annotations

import asyncio
from typing import Protocol

from local.emulators.servicebus.broker.lifecycle import Clock
from local.emulators.servicebus.broker.message_queue import MessageQueue
from local.emulators.servicebus.group_commit import GroupCommit


class Receiver(Protocol):
    """Takes messages from a queue while it has credit."""

    def has_credit(self) -> bool: ...

    def take_from(self, queue: MessageQueue) -> bool:
        """Take one message. False where the queue had none."""


class SessionWaiter(Protocol):
    """Waits for a session that it can lock."""

    def try_accept(self, queue: MessageQueue) -> bool:
        """Lock a session. False where none is available."""


class Dispatcher:
    """Serves the receivers of one queue round-robin."""

    def __init__(
        self,
        queue: MessageQueue,
        group_commit: GroupCommit,
        loop: asyncio.AbstractEventLoop,
        now_ms: Clock,
    ) -> None:
        self.queue = queue
        self._group_commit = group_commit
        self._loop = loop
        self._now_ms = now_ms
        self._receivers: dict[Receiver, None] = {}
        self._waiting: dict[SessionWaiter, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms: int | None = None
        #: When the queue changed last, or a receiver asked for messages.
        self.used_ms = now_ms()
        queue.on_change = lambda: group_commit.deliver(self)
        group_commit.deliver(self)

    def __repr__(self) -> str:
        return f"<Dispatcher of {self.queue!r}: {len(self._receivers)} receivers>"

    def add(self, receiver: Receiver) -> None:
        self._receivers[receiver] = None

    def remove(self, receiver: Receiver) -> None:
        self._receivers.pop(receiver, None)

    def wait_for_session(self, waiter: SessionWaiter) -> None:
        self._waiting[waiter] = None

    def stop_waiting(self, waiter: SessionWaiter) -> None:
        self._waiting.pop(waiter, None)

    def schedule(self) -> None:
        """Deliver at the end of this iteration: a receiver has got credit."""
        self._group_commit.deliver(self)

    def deliver(self) -> None:
        """Deliver what is ready, one message per receiver and round."""
        self.used_ms = self._now_ms()
        for waiter in list(self._waiting):
            # They want the same, so the others wait on with the first.
            if not waiter.try_accept(self.queue):
                break
        delivered = True
        while delivered and self.queue.has_ready:
            delivered = False
            for receiver in list(self._receivers):
                if receiver.has_credit() and receiver.take_from(self.queue):
                    delivered = True
                    # Move it to the end of the round.
                    self._receivers[receiver] = self._receivers.pop(receiver)
        self._set_timer()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self) -> None:
        deadline_ms = self.queue.next_deadline_ms()
        if deadline_ms == self._timer_ms:
            return
        self.close()
        self._timer_ms = deadline_ms
        if deadline_ms is not None:
            # Deadlines are wall-clock times, because clients see them and they survive a restart.
            # If the clock was set back, the timer fires too early, finds nothing due and is set
            # again.
            delay_s = max(0, deadline_ms - self._now_ms()) / 1000
            self._timer = self._loop.call_later(delay_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = self._timer_ms = None
        self.queue.advance()
        self._group_commit.deliver(self)
