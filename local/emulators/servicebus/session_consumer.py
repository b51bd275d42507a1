"""A receiver of one session: its link opens once the session is locked."""

from __future__ import annotations

import asyncio

from local.emulators.servicebus.amqp.errors import AmqpError
from local.emulators.servicebus.amqp.outcomes import Source
from local.emulators.servicebus.amqp.performatives import Attach
from local.emulators.servicebus.amqp.values import Described, Symbol, Value
from local.emulators.servicebus.broker.errors import SessionCannotBeLocked
from local.emulators.servicebus.broker.message_queue import MessageQueue
from local.emulators.servicebus.consumer import Consumer
from local.emulators.servicebus.dispatcher import Dispatcher
from local.emulators.servicebus.link import SessionPort

SESSION_FILTER = Symbol("com.microsoft:session-filter")

_CANNOT_BE_LOCKED = Symbol("com.microsoft:session-cannot-be-locked")
_LOCK_LOST = Symbol("com.microsoft:session-lock-lost")
_LOCKED_UNTIL = Symbol("com.microsoft:locked-until-utc")
_TIMEOUT = Symbol("com.microsoft:timeout")

#: How long a client waits for a session if it does not say.
_DEFAULT_TIMEOUT_MS = 60_000

#: .NET counts time in steps of 100 ns from the year 1.
_EPOCH_TICKS, _TICKS_PER_MS = 621_355_968_000_000_000, 10_000


class SessionConsumer(Consumer):
    """Accepts the session that the attach names, or waits for the next available one."""

    def __init__(
        self,
        session: SessionPort,
        attach: Attach,
        source: Source,
        dispatcher: Dispatcher,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(session, attach, dispatcher)
        self._source = source
        self._timer: asyncio.TimerHandle | None = None
        self._wanted = _wanted_session(source)
        timeout_ms = (attach.properties or {}).get(_TIMEOUT, _DEFAULT_TIMEOUT_MS)
        self._timeout_s = float(timeout_ms) / 1000
        self._loop = loop

    def start(self) -> None:
        """Open the link, or wait. Raises AmqpError if another receiver has locked the session."""
        try:
            if self.try_accept(self.queue):
                return
        except SessionCannotBeLocked as error:
            raise AmqpError(_CANNOT_BE_LOCKED, str(error)) from error
        self._dispatcher.wait_for_session(self)
        self._timer = self._loop.call_later(self._timeout_s, self._on_timeout)

    # -- a waiting receiver of the dispatcher --------------------------------------------------

    def try_accept(self, queue: MessageQueue) -> bool:
        """Lock the session and open the link. False if no session is available."""
        accepted = queue.accept_session(self._wanted, self)
        if accepted is None:
            return False
        assert queue.sessions is not None  # noqa: S101 - the server attaches no others
        self.session_id = accepted
        self._stop_waiting()
        self._source.filter = {**(self._source.filter or {}), SESSION_FILTER: accepted}
        ticks = _EPOCH_TICKS + queue.sessions.until_ms(accepted) * _TICKS_PER_MS
        self.link.open(self._source.described(), {_LOCKED_UNTIL: ticks})
        self._dispatcher.add(self)
        return True

    # -- a holder of a session lock ------------------------------------------------------------

    def session_lost(self) -> None:
        if self._deletes:
            # It has no messages to lose, and keeps the session as long as it is attached.
            self.queue.accept_session(self.session_id, self)
            return
        self.link.detach(
            AmqpError(
                _LOCK_LOST,
                "The session lock has expired on the session. Accept a new session.",
            )
        )

    def closed(self) -> None:
        self._stop_waiting()
        super().closed()
        if self.session_id is not None:
            self.queue.close_session(self.session_id, self)

    def _on_timeout(self) -> None:
        self._stop_waiting()
        self.link.refuse(
            AmqpError(
                _TIMEOUT,
                f"No session became available within {self._timeout_s:g} s.",
            )
        )

    def _stop_waiting(self) -> None:
        self._dispatcher.stop_waiting(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _wanted_session(source: Source) -> str | None:
    """The session's id; None for the next available one."""
    wanted: Value = (source.filter or {}).get(SESSION_FILTER)
    if isinstance(wanted, Described):
        wanted = wanted.value
    return wanted if isinstance(wanted, str) else None
