"""Received messages that wait for their function, and the renewal of message locks."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime

from azure.servicebus import ServiceBusReceivedMessage

from local.host.service_bus_listener.link import Link

#: The shortest time between two renewals of a lock.
MIN_RENEWAL_S = 0.5


class MessageBuffer:
    """First in, first out. Renews the locks of the messages in it."""

    def __init__(self, link: Link, *, renewal_s: float) -> None:
        self._link, self._renewal_s = link, renewal_s
        self._messages: deque[tuple[ServiceBusReceivedMessage, asyncio.Task[None]]] = deque()

    def __repr__(self) -> str:
        return f"<MessageBuffer {len(self._messages)} messages>"

    def add(self, messages: Iterable[ServiceBusReceivedMessage]) -> None:
        for message in messages:
            renewing = asyncio.create_task(keep_locked(self._link, message, self._renewal_s))
            self._messages.append((message, renewing))

    def take(self, most: int | None = None) -> list[ServiceBusReceivedMessage]:
        """The first `most` messages, or all. The caller renews their locks from now on."""
        taken: list[ServiceBusReceivedMessage] = []
        while self._messages and (most is None or len(taken) < most):
            message, renewing = self._messages.popleft()
            renewing.cancel()
            taken.append(message)
        return taken


async def keep_locked(link: Link, message: ServiceBusReceivedMessage, renewal_s: float) -> None:
    """Renew a message's lock at half of its duration, for `renewal_s` or until cancelled."""
    end = time.monotonic() + renewal_s
    while (left := end - time.monotonic()) > 0:
        await asyncio.sleep(min(max(_locked_s(message) / 2, MIN_RENEWAL_S), left))
        if not await link.renew(message):
            return


def _locked_s(message: ServiceBusReceivedMessage) -> float:
    """Seconds until the lock expires, by this machine's clock."""
    until = message.locked_until_utc
    return (until - datetime.now(UTC)).total_seconds() if until else 0.0
