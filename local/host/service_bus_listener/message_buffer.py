"""Messages that are here and whose function has not begun: kept locked until it is their turn."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime

from azure.servicebus import ServiceBusReceivedMessage

from local.host.service_bus_listener.link import Link

#: The shortest pause between two renewals of a lock.
MIN_RENEWAL_S = 0.5


class MessageBuffer:
    """In the order in which they came."""

    def __init__(self, link: Link, *, renewal_s: float) -> None:
        self._link, self._renewal_s = link, renewal_s
        self._messages: deque[tuple[ServiceBusReceivedMessage, asyncio.Task[None]]] = deque()

    def __repr__(self) -> str:
        return f"<MessageBuffer {len(self._messages)} messages>"

    def add(self, messages: Iterable[ServiceBusReceivedMessage]) -> None:
        for message in messages:
            keeping = asyncio.create_task(keep_locked(self._link, message, self._renewal_s))
            self._messages.append((message, keeping))

    def take(self, most: int | None = None) -> list[ServiceBusReceivedMessage]:
        """The first of them, or all; their locks are the taker's from now on."""
        taken: list[ServiceBusReceivedMessage] = []
        while self._messages and (most is None or len(taken) < most):
            message, keeping = self._messages.popleft()
            keeping.cancel()
            taken.append(message)
        return taken


async def keep_locked(link: Link, message: ServiceBusReceivedMessage, renewal_s: float) -> None:
    """Renew a message's lock whenever half of it has passed, for `renewal_s` or until cancelled."""
    end = time.monotonic() + renewal_s
    while (left := end - time.monotonic()) > 0:
        await asyncio.sleep(min(max(_locked_s(message) / 2, MIN_RENEWAL_S), left))
        if not await link.renew(message):
            return


def _locked_s(message: ServiceBusReceivedMessage) -> float:
    """Seconds that the lock still lasts, by this machine's clock."""
    until = message.locked_until_utc
    return (until - datetime.now(UTC)).total_seconds() if until else 0.0
