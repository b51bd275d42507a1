"""What receiving and sending links have in common: attaching, and failing with their connection."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from local.emulators.servicebus.amqp.composites import Composite
from local.emulators.servicebus.amqp.outcomes import Source, Target
from local.emulators.servicebus.amqp.performatives import Attach, Detach
from local.emulators.servicebus.amqp.values import UByte, UInt, Value
from local.host.amqp_client.amqp_connection import OPEN_S, AmqpConnection, silent_future
from local.host.amqp_client.frame_stream import ConnectionClosed

#: Settle modes: of a sender, unsettled and settled; of a receiver, second.
UNSETTLED, SETTLED, SECOND = UByte(0), UByte(1), UByte(1)


class ClientLink:
    """`role` is true for a receiver."""

    def __init__(self, connection: AmqpConnection, path: str, *, role: bool) -> None:
        self.connection, self.path, self._role = connection, path, role
        #: Both ends know the link by it.
        self.name = uuid4().hex
        #: This end's number of it, from `open` on.
        self.handle = UInt(0)
        self._is_detached = True
        #: Why it ended.
        self.error: Exception | None = None
        #: The peer's attach.
        self.attached: Attach | None = None
        self._opened = silent_future(asyncio.get_running_loop())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path} {'closed' if self.error else 'open'}>"

    async def open(
        self,
        *,
        snd_settle_mode: UByte = UNSETTLED,
        filters: dict[Value, Value] | None = None,
        properties: dict[Value, Value] | None = None,
        reply_to: str | None = None,
        open_s: float = OPEN_S,
    ) -> Attach:
        """Returns the peer's attach.

        Raises AmqpError if it refuses, TimeoutError after `open_s`, and ConnectionError.
        """
        local = reply_to or f"{self.path}-{uuid4().hex}"
        ends = (self.path, local) if self._role else (local, self.path)
        self.handle, self._is_detached = self.connection.attach(self), False
        self.connection.send(
            Attach(
                name=self.name,
                handle=self.handle,
                role=self._role,
                snd_settle_mode=snd_settle_mode,
                rcv_settle_mode=SECOND if self._role and snd_settle_mode == UNSETTLED else None,
                source=Source(ends[0], filter=filters).described(),
                target=Target(ends[1]).described(),
                initial_delivery_count=None if self._role else UInt(0),
                properties=properties,
            )
        )
        try:
            async with asyncio.timeout(open_s):
                await self._opened
        except BaseException:
            self.detach()
            raise
        if self.attached is None:
            raise ConnectionClosed("the link was not attached")
        return self.attached

    def detach(self) -> None:
        """End the link. Does nothing if it has ended, or was not opened."""
        if self._is_detached or self.connection.error is not None:
            return
        self._is_detached = True
        self.connection.send(Detach(self.handle, closed=True))
        if self.error is None:
            self.on_closed(ConnectionClosed("the link was detached"))

    def require_open(self) -> None:
        """Raises what ended the link."""
        if self.error is not None:
            raise self.error

    def on_frame(self, performative: Composite, payload: bytes) -> None:  # noqa: ARG002 - of all links
        if isinstance(performative, Attach):
            self.attached = performative
            # A peer that refuses a link attaches it without its own end, then detaches it.
            end = performative.target if not self._role else performative.source
            if end is not None and not self._opened.done():
                self._opened.set_result(None)

    def on_closed(self, error: Exception) -> None:
        self.error = self.error or error
        if not self._opened.done():
            self._opened.set_exception(error)
