"""Serves sessions: receives one's messages in order, each after the one before it was settled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from local.host.app.bindings import Function, ServiceBusTrigger
from local.host.app.connections import Connections
from local.host.service_bus_listener import trigger_data
from local.host.service_bus_listener.incoming_message import IncomingMessage
from local.host.service_bus_listener.queue_listener import ServiceBusListener
from local.host.service_bus_listener.session_link import SessionLink


class SessionListener(ServiceBusListener):
    """Serves one session at a time, with single messages or with batches.

    For several sessions at once there are several listeners. Those that wait for a session share
    `accepting`, which limits their number: each has a connection of its own.
    """

    def __init__(
        self,
        function: Function,
        trigger: ServiceBusTrigger,
        *,
        connections: Connections,
        accepting: asyncio.Semaphore,
        **parts: Any,
    ) -> None:
        options = parts["options"]
        self._size = options.max_message_batch_size if trigger.many else 1
        self._accepting = accepting
        # host.json's prefetchCount has no effect: a message that was prefetched would overtake
        # one that is abandoned.
        self._session = SessionLink(
            connections,
            trigger.connection,
            trigger.entity,
            credit=self._size,
            renewal_s=options.max_auto_lock_renewal_s,
        )
        super().__init__(function, trigger, connections=connections, link=self._session, **parts)

    async def _receive_and_start(self) -> None:
        """Serve a session until it has no messages, or its lock is no longer renewed."""
        if not self._session.has_session and not await self._accept():
            return
        wait_s = self._options.session_idle_s
        messages = await self._unless_stopping(self._session.receive(self._size, wait_s=wait_s))
        if not messages:
            self._session.release()
        elif self._stopping.is_set():
            self._buffer.add(messages)
        else:
            await asyncio.wait([self._start(self._run_in_order(messages), len(messages))])
            if not self._session.is_renewed:
                self._session.release()

    async def _accept(self) -> bool:
        async with self._accepting:
            accepted = await self._unless_stopping(self._session.accept())
        self._backoff.succeeded()
        return bool(accepted)

    async def _run_in_order(self, messages: Sequence[IncomingMessage]) -> None:
        if self._trigger.many:
            await self._run_batch(messages)
        else:
            await self._run(messages, lambda: trigger_data.of_message(messages[0], self._data_type))

    async def _settle(self, messages: Sequence[IncomingMessage], *, done: bool) -> None:
        await super()._settle(messages, done=done)
        if messages and not done:
            # Messages that have arrived since would overtake those that were abandoned.
            self._session.release()

    async def _unless_stopping[T](self, work: Coroutine[Any, Any, T]) -> T | None:
        """The result of `work`; None if it was cancelled because this listener stops."""
        working = asyncio.create_task(work)
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                working.cancel()
                await asyncio.wait([working])
            return None if working.cancelled() else working.result()
        finally:
            stopping.cancel()
            working.cancel()
