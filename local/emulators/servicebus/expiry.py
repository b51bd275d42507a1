"""A link lives no longer than the token that allows it, as in Service Bus."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator

from local.emulators.servicebus.amqp.errors import UNAUTHORIZED_ACCESS, AmqpError
from local.emulators.servicebus.links import Link
from local.emulators.servicebus.sas import Grants

log = logging.getLogger(__name__)


class ExpiryWatch:
    """Ends the links of one connection whose token ran out and was not put anew in time."""

    def __init__(
        self,
        grants: Grants,
        links: Callable[[], Iterator[Link]],
        loop: asyncio.AbstractEventLoop,
        now_s: Callable[[], float],
    ) -> None:
        self._grants = grants
        self._links = links
        self._loop = loop
        self._now_s = now_s
        self._alarm: asyncio.TimerHandle | None = None
        grants.on_added = self._set_alarm

    def __repr__(self) -> str:
        return f"<ExpiryWatch of {self._grants!r}>"

    def close(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _set_alarm(self) -> None:
        self.close()
        end_s = self._grants.next_end_s()
        if end_s is not None:
            # A token ends at a time of day; the alarm may ring early after the clock was set,
            # and is then set again.
            self._alarm = self._loop.call_later(max(0, end_s - self._now_s()), self._ring)

    def _ring(self) -> None:
        now_s = self._now_s()
        self._grants.forget(now_s)
        for link in list(self._links()):
            if link.path is not None and not self._grants.allow(link.path, now_s):
                log.info("%r ends: its token is expired", link)
                link.detach(AmqpError(UNAUTHORIZED_ACCESS, "ExpiredToken: the token is expired."))
        self._set_alarm()
