"""Received messages that wait for their function, and the renewal of message locks."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from local.host.service_bus_listener.incoming_message import IncomingMessage
from local.host.service_bus_listener.link import Link

#: The shortest time between two renewals of a lock.
MIN_RENEWAL_S = 0.5


@dataclass(slots=True)
class _Buffered:
    message: IncomingMessage
    #: When to renew its lock, and when to stop renewing it; monotonic, in seconds.
    renew_at: float
    until: float


class MessageBuffer:
    """First in, first out. Renews the locks of the messages in it, each for `renewal_s`."""

    def __init__(self, link: Link, *, renewal_s: float) -> None:
        self._link, self._renewal_s = link, renewal_s
        self._buffered: deque[_Buffered] = deque()
        self._renewing: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<MessageBuffer {len(self)} messages>"

    def __len__(self) -> int:
        return len(self._buffered)

    def add(self, messages: Iterable[IncomingMessage]) -> None:
        now = time.monotonic()
        for message in messages:
            renew_at = now + max(_locked_s(message) / 2, MIN_RENEWAL_S)
            self._buffered.append(_Buffered(message, renew_at, now + self._renewal_s))
        if self._buffered and self._renewing is None:
            self._renewing = asyncio.create_task(self._renew())

    def take(self, most: int | None = None) -> list[IncomingMessage]:
        """The first `most` messages, or all. The caller renews their locks from now on."""
        count = len(self) if most is None else min(most, len(self))
        taken = [self._buffered.popleft().message for _ in range(count)]
        if not self._buffered and self._renewing is not None:
            self._renewing.cancel()
            self._renewing = None
        return taken

    async def _renew(self) -> None:
        """Renew each lock at half of its time, until `take` cancels this.

        A renewal that fails is tried again at half of the time that is left.
        """
        while True:
            await asyncio.sleep(
                max(min(each.renew_at for each in self._buffered) - time.monotonic(), 0.01)
            )
            now = time.monotonic()
            due = [each for each in self._buffered if each.renew_at <= now]
            if due:
                await self._link.renew(*(each.message for each in due))
            now = time.monotonic()
            for each in due:
                each.renew_at = now + max(_locked_s(each.message) / 2, MIN_RENEWAL_S)
                if _locked_s(each.message) <= 0 or each.renew_at > each.until:
                    each.renew_at = math.inf


async def keep_locked(link: Link, message: IncomingMessage, renewal_s: float) -> None:
    """Renew a message's lock at half of its time, for `renewal_s` or until cancelled.

    A renewal that fails is tried again until the lock expires.
    """
    end = time.monotonic() + renewal_s
    while (left := end - time.monotonic()) > 0:
        await asyncio.sleep(min(max(_locked_s(message) / 2, MIN_RENEWAL_S), left))
        if not await link.renew(message) and _locked_s(message) <= 0:
            return


def _locked_s(message: IncomingMessage) -> float:
    """Seconds until the lock expires, by this machine's clock."""
    return message.locked_until - time.time()
