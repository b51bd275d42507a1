"""Detaches links whose token has expired, as Service Bus does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator

from local.emulators.servicebus.amqp.errors import UNAUTHORIZED_ACCESS, AmqpError
from local.emulators.servicebus.link import Link
from local.emulators.servicebus.sas import Grants

log = logging.getLogger(__name__)


class TokenExpiry:
    """Watches the tokens of one connection. A client keeps its links by renewing its token."""

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
        self._timer: asyncio.TimerHandle | None = None
        grants.on_added = self._set_timer

    def __repr__(self) -> str:
        return f"<TokenExpiry of {self._grants!r}>"

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self) -> None:
        self.close()
        expiry_s = self._grants.next_expiry_s()
        if expiry_s is not None:
            # Tokens expire at a wall-clock time. If the clock was set back, the timer fires too
            # early and is set again.
            self._timer = self._loop.call_later(max(0, expiry_s - self._now_s()), self._on_timer)

    def _on_timer(self) -> None:
        now_s = self._now_s()
        self._grants.remove_expired(now_s)
        for link in list(self._links()):
            if link.path is not None and not self._grants.allow(link.path, now_s, link.rights):
                log.info("%r is detached: its token has expired", link)
                link.detach(AmqpError(UNAUTHORIZED_ACCESS, "ExpiredToken: the token is expired."))
        self._set_timer()
