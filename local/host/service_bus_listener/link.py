"""A receiving link of one queue. Opened on first use; closed and reopened after a failure."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from local.emulators.servicebus.amqp.outcomes import Accepted, Modified, Outcome, Rejected
from local.emulators.servicebus.amqp.performatives import Error
from local.emulators.servicebus.amqp.values import Array, Symbol, Value
from local.host.amqp_client.amqp_connection import AmqpConnection, error_of
from local.host.amqp_client.authorization import Authorization
from local.host.amqp_client.receiving_link import ReceivingLink
from local.host.amqp_client.request_channel import RequestChannel, RequestFailed
from local.host.app.connections import Connections
from local.host.service_bus_listener.incoming_message import IncomingMessage

log = logging.getLogger(__name__)

Settling = Literal["complete", "abandon", "dead_letter", "defer"]

#: Seconds that one receive waits for a first message. A shutdown waits for it.
WAIT_S = 1.0
#: Seconds that settling may take.
SETTLE_S = 5.0

#: The link credit of a trigger of single messages, where host.json has no prefetchCount.
DEFAULT_CREDIT = 8

_DEAD_LETTER = Symbol("com.microsoft:dead-letter")
_REASON, _DESCRIPTION = Symbol("DeadLetterReason"), Symbol("DeadLetterErrorDescription")


class OpenLink(NamedTuple):
    connection: AmqpConnection
    authorization: Authorization
    messages: ReceivingLink
    management: RequestChannel


class Link:
    """Receives and settles. Any number of tasks may settle at the same time.

    Messages arrive in the background, up to `credit` of them. Credit that was given cannot be taken
    back: the locks of messages that are not received in time expire.
    """

    def __init__(
        self, connections: Connections, connection: str, queue: str, *, credit: int
    ) -> None:
        self._connections, self._connection, self._queue = connections, connection, queue
        self._credit = credit
        self._opened: OpenLink | None = None

    def __repr__(self) -> str:
        return f"<Link {self._queue} {'open' if self._opened else 'closed'}>"

    def check(self) -> None:
        """Raises HostError if the connection setting cannot be used. Sends nothing."""
        self._connections.bus_address(self._connection)

    async def receive(self, most: int, *, wait_s: float = WAIT_S) -> list[IncomingMessage]:
        """Up to `most` messages: those that have arrived, or the first ones within `wait_s`.

        Raises TimeoutError, OSError, AmqpError and RequestFailed if the broker is away.
        """
        if self._opened is None:
            self._opened = await self._open()
        self.receive_ahead()
        await self._opened.messages.arrived(wait_s)
        return self.take(most)

    def receive_ahead(self, buffered: int = 0) -> None:
        """Let more messages arrive, if less than half of the credit is in use.

        `buffered` messages were taken and wait; they use credit too.
        """
        if self._opened is None:
            return
        link = self._opened.messages
        if link.error is None and (link.outstanding + link.waiting + buffered <= self._credit // 2):
            link.give_credit(self._credit - link.waiting - buffered)

    def take(self, most: int | None = None) -> list[IncomingMessage]:
        """The first messages that have arrived, or all of them."""
        if self._opened is None:
            return []
        link = self._opened.messages
        taken = link.take(link.waiting if most is None else most)
        return [IncomingMessage(each, link) for each in taken]

    async def settle_batch(self, messages: Sequence[IncomingMessage], *, done: bool) -> None:
        """Complete the messages, or abandon them if they are not `done`.

        One that cannot be settled is delivered again when its lock expires.
        """
        what: Settling = "complete" if done else "abandon"
        await asyncio.gather(*(self._settle_range(each, what) for each in _ranges(messages)))

    async def _settle_range(self, messages: Sequence[IncomingMessage], what: Settling) -> None:
        try:
            async with asyncio.timeout(SETTLE_S):
                lost = await _settle(messages, _outcome(what))
            failed = dict.fromkeys(lost, "its lock was lost")
        except Exception as error:  # noqa: BLE001 - a broken connection raises anything
            failed = {message.delivery.number: type(error).__name__ for message in messages}
        for message in messages:
            if message.delivery.number in failed:
                log.warning(
                    "queue %s: cannot %s message %s: %s; it will be delivered again",
                    *(self._queue, what, message.sequence_number, failed[message.delivery.number]),
                )

    async def settle(
        self,
        what: Settling,
        message: IncomingMessage,
        *,
        reason: str | None = None,
        error_description: str | None = None,
    ) -> None:
        """Raises AmqpError if its lock was lost, TimeoutError, and ConnectionError."""
        async with asyncio.timeout(SETTLE_S):
            lost = await _settle([message], _outcome(what, reason, error_description))
        for error in lost.values():
            raise error

    async def renew(self, *messages: IncomingMessage) -> bool:
        """Renew locks in one request. Returns whether all were renewed.

        `locked_until` of a message becomes 0 if its lock is lost. Others may be tried again.
        """
        try:
            async with asyncio.timeout(SETTLE_S):
                await self._renew(messages)
        except Exception as error:  # noqa: BLE001 - a broken connection raises anything
            is_lost = isinstance(error, RequestFailed) and error.is_lasting
            if is_lost and len(messages) > 1:
                # One lost lock makes the whole request fail.
                return all(await asyncio.gather(*map(self.renew, messages)))
            for message in messages:
                if is_lost or message.link.error is not None:
                    message.locked_until = 0.0
            log.warning(
                "queue %s: the lock of message %s%s could not be renewed: %s",
                *(self._queue, messages[0].sequence_number),
                f" and {len(messages) - 1} more" if len(messages) > 1 else "",
                type(error).__name__,
            )
            return False
        return True

    async def close(self) -> None:
        """Messages that have arrived and were not taken are delivered again."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.authorization.close()
            opened.connection.close()

    async def _open(self) -> OpenLink:
        opened = await self._connect()
        try:
            await opened.messages.open()
        except BaseException:
            opened.authorization.close()
            opened.connection.close()
            raise
        return opened

    async def _connect(self) -> OpenLink:
        """Its link of messages is not open yet."""
        address = self._connections.bus_address(self._connection)
        connection = await AmqpConnection.open(address)
        authorization = Authorization(connection, address, self._queue)
        try:
            await authorization.open()
        except BaseException:
            authorization.close()
            connection.close()
            raise
        management = RequestChannel(connection, f"{self._queue}/$management")
        messages = ReceivingLink(connection, self._queue)
        return OpenLink(connection, authorization, messages, management)

    async def _renew(self, messages: Sequence[IncomingMessage]) -> None:
        for message in messages:
            message.link.require_open()
        tokens = Array([message.lock_token for message in messages])
        body = await self._manage("renew-lock", {"lock-tokens": tokens})
        for message, expires in zip(messages, body["expirations"], strict=True):
            message.locked_until = int(expires) / 1000

    async def _manage(self, operation: str, body: Value) -> Value:
        """Returns the body of the reply. Raises RequestFailed, TimeoutError, OSError."""
        if self._opened is None:
            raise ConnectionError("its link is closed")
        reply = await self._opened.management.ask({"operation": f"com.microsoft:{operation}"}, body)
        return reply.body


async def _settle(messages: Sequence[IncomingMessage], outcome: Outcome) -> dict[int, Exception]:
    """Settle a range. Returns why deliveries of it were not settled, by their numbers.

    Raises ConnectionError or AmqpError if the link that they came over has ended.
    """
    first, last = messages[0].delivery.number, messages[-1].delivery.number
    outcomes = await messages[0].link.settle(first, last, outcome)
    return {
        number: error_of(actual.error)
        for number, actual in outcomes.items()
        if isinstance(actual, Rejected) and actual.error is not None
    }


def _outcome(what: Settling, reason: str | None = None, description: str | None = None) -> Outcome:
    match what:
        case "complete":
            return Accepted()
        case "abandon" | "defer":
            return Modified(delivery_failed=True, undeliverable_here=what == "defer")
    error = Error(_DEAD_LETTER, description, {_REASON: reason, _DESCRIPTION: description})
    return Rejected(error.described())


def _ranges(messages: Iterable[IncomingMessage]) -> list[list[IncomingMessage]]:
    """Messages that came one after the other over the same link."""
    ranges: list[list[IncomingMessage]] = []
    for message in messages:
        last = ranges[-1][-1] if ranges else None
        if (
            last is not None
            and message.link is last.link
            and message.delivery.number == last.delivery.number + 1
        ):
            ranges[-1].append(message)
        else:
            ranges.append([message])
    return ranges
