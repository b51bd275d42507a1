"""Who gets a queue's next message, and when the queue has to be looked at again."""

from __future__ import annotations

import asyncio
from typing import Protocol

from local.emulators.servicebus.broker.message_queue import Clock, MessageQueue
from local.emulators.servicebus.turn import Turn


class Customer(Protocol):
    """Takes messages from a queue, while it has credit."""

    def can_take(self) -> bool: ...

    def serve(self, queue: MessageQueue) -> bool:
        """Take one message. False where there was none."""


class Counter:
    """Serves the receivers of one queue in turn, and wakes the queue when its time has come."""

    def __init__(
        self,
        queue: MessageQueue,
        turn: Turn,
        loop: asyncio.AbstractEventLoop,
        now_ms: Clock,
    ) -> None:
        self.queue = queue
        self._turn = turn
        self._loop = loop
        self._now_ms = now_ms
        self._customers: dict[Customer, None] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_ms: int | None = None
        queue.on_change = lambda _: turn.deal(self)
        turn.deal(self)

    def __repr__(self) -> str:
        return f"<Counter of {self.queue!r}: {len(self._customers)} receivers>"

    def add(self, customer: Customer) -> None:
        self._customers[customer] = None

    def remove(self, customer: Customer) -> None:
        self._customers.pop(customer, None)

    def ready(self) -> None:
        """A customer can take messages that could not before."""
        self._turn.deal(self)

    def deal(self) -> None:
        """Hand out what is ready, one message a receiver and round."""
        served = True
        while served and self.queue.has_ready:
            served = False
            for customer in list(self._customers):
                if customer.can_take() and customer.serve(self.queue):
                    served = True
                    # To the end of the line.
                    self._customers[customer] = self._customers.pop(customer)
        self._set_alarm()

    def close(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _set_alarm(self) -> None:
        deadline_ms = self.queue.next_deadline_ms()
        if deadline_ms == self._alarm_ms:
            return
        self.close()
        self._alarm_ms = deadline_ms
        if deadline_ms is not None:
            # A deadline is a time of day, because clients see it and a restart must keep it; the
            # alarm may ring early after the clock was set, and then finds nothing due yet.
            delay_s = max(0, deadline_ms - self._now_ms()) / 1000
            self._alarm = self._loop.call_later(delay_s, self._ring)

    def _ring(self) -> None:
        self._alarm = self._alarm_ms = None
        self.queue.advance()
        self._turn.deal(self)
