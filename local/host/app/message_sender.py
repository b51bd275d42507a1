"""Sends output messages to one queue or topic."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from local.emulators.servicebus.amqp import errors
from local.emulators.servicebus.amqp.errors import AmqpError
from local.emulators.servicebus.amqp.values import Symbol
from local.host.amqp_client.amqp_connection import AmqpConnection
from local.host.amqp_client.authorization import Authorization
from local.host.amqp_client.message_batch import in_transfers
from local.host.amqp_client.request_channel import RequestFailed
from local.host.amqp_client.sending_link import SendingLink
from local.host.app.bindings import Identity
from local.host.app.connections import Connections
from local.host.app.output_messages import OutputMessage, make_messages
from local.host.app.protos import TypedData
from local.host.errors import BindingFailed, HostError

#: Seconds for sending one output, including the wait for the link. A broker may keep its connection
#: open and not answer.
SEND_S = 60.0
#: Seconds in which a broken connection is made anew, and the first pause, which doubles.
RETRY_S, FIRST_PAUSE_S = 10.0, 0.1

#: Seconds that sending goes on after `close`. The invocations of what still waits have ended.
CLOSE_S = 1.0

#: Conditions of a broker that stops or is busy, and of an entity that takes no message.
_PASSING = {
    *(errors.CONNECTION_FORCED, errors.INTERNAL_ERROR),
    *map(
        Symbol,
        (
            "amqp:link:detach-forced",
            "com.microsoft:server-busy",
            "com.microsoft:timeout",
        ),
    ),
}
_OF_THE_ENTITY = {
    *(errors.NOT_FOUND, errors.UNAUTHORIZED_ACCESS, errors.RESOURCE_LIMIT_EXCEEDED),
    *map(Symbol, ("com.microsoft:entity-disabled", "com.microsoft:auth-failed")),
}

#: The messages of one output, and what its sender awaits.
type _Output = tuple[Sequence[OutputMessage], asyncio.Future[None]]


class MessageSender:
    """Sends over one link, one transfer at a time, so that messages stay in order.

    Outputs that wait for the transfer before them go together into the next one. After a failure
    the link is closed, and the next output opens another.
    """

    def __init__(self, connections: Connections, connection: str, entity: str) -> None:
        self._connections, self._connection, self._entity = connections, connection, entity
        self._opened: tuple[Authorization, SendingLink] | None = None
        self._waiting: list[_Output] = []
        #: Those of the transfer under way.
        self._outputs: list[_Output] = []
        self._sending: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<MessageSender {self._entity} {'open' if self._opened else 'closed'}>"

    async def send(self, data: TypedData, binding: str, identities: Sequence[Identity]) -> None:
        """Send the messages that local.host.app.output_messages makes of an output, in as few
        transfers as their size allows, and wait until the broker has accepted them.

        Raises BindingFailed, at the latest after SEND_S. Some messages may have been sent then.
        """
        accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((make_messages(data, binding, identities), accepted))
        if self._sending is None:
            self._start()
        try:
            async with asyncio.timeout(SEND_S):
                await accepted
        except Exception as error:  # a broker's, a connection's or a credential's
            raise BindingFailed.from_error(error) from error

    async def close(self) -> None:
        """Outputs that still wait are sent first, for CLOSE_S."""
        if (sending := self._sending) is not None:
            _, late = await asyncio.wait([sending], timeout=CLOSE_S)
            for task in late:
                task.cancel()
                await asyncio.wait([task])
        self._close_link()

    def _start(self) -> None:
        self._sending = asyncio.create_task(self._send_waiting())
        # Not a `finally` in the task: one that is cancelled before its first step never runs.
        self._sending.add_done_callback(self._sending_ended)

    async def _send_waiting(self) -> None:
        """Send until none waits."""
        while self._waiting:
            self._outputs, self._waiting = self._waiting, []
            await self._send_together(self._outputs)
            self._outputs = []

    def _sending_ended(self, task: asyncio.Task[None]) -> None:
        """Fail all that wait if the task failed. Start another one if there are new ones."""
        self._sending = None
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None:
            failure = ConnectionAbortedError(f"sending ended: {type(error).__name__}")
            for _, accepted in (*self._outputs, *self._waiting):
                _end(accepted, failure)
            self._outputs, self._waiting = [], []
        elif self._waiting:
            self._start()

    async def _send_together(self, outputs: list[_Output]) -> None:
        failure = await self._try_to_send([each for some, _ in outputs for each in some])
        if failure is not None and _is_of_the_entity(failure):
            # It is that of the outputs too that have come since then.
            outputs, self._waiting = outputs + self._waiting, []
        elif failure is not None and len(outputs) > 1:
            # A message is too large, perhaps. The other outputs are not affected.
            for messages, accepted in outputs:
                _end(accepted, await self._try_to_send(messages))
        for _, accepted in outputs:
            _end(accepted, failure)

    async def _try_to_send(self, messages: Sequence[OutputMessage]) -> Exception | None:
        """Send, over another connection for RETRY_S if one breaks, as Microsoft's SDK does."""
        loop = asyncio.get_running_loop()
        retry_until, pause_s = loop.time() + RETRY_S, FIRST_PAUSE_S
        while (failure := await self._try_once(messages)) is not None:
            if not _may_pass(failure) or loop.time() + pause_s > retry_until:
                return failure
            await asyncio.sleep(pause_s)
            pause_s *= 2
        return None

    async def _try_once(self, messages: Sequence[OutputMessage]) -> Exception | None:
        try:
            async with asyncio.timeout(SEND_S):
                await self._send(messages)
        except AmqpError as error:
            # The message was refused, or its link was ended.
            if self._opened is None or self._opened[1].error is not None:
                self._close_link()
            return error
        except Exception as error:  # noqa: BLE001 - a broken connection raises anything
            self._close_link()
            return error
        return None

    async def _send(self, messages: Sequence[OutputMessage]) -> None:
        link = await self._open()
        for each in in_transfers((message.encoded() for message in messages), link.max_size):
            await link.send(each.content, each.message_format)

    async def _open(self) -> SendingLink:
        if self._opened is None:
            address = self._connections.bus_address(self._connection)
            connection = await AmqpConnection.open(address)
            authorization = Authorization(connection, address, self._entity)
            link = SendingLink(connection, self._entity)
            try:
                await authorization.open()
                await link.open()
            except BaseException:
                authorization.close()
                connection.close()
                raise
            self._opened = authorization, link
        return self._opened[1]

    def _close_link(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            authorization, link = opened
            authorization.close()
            link.connection.close()


def _may_pass(failure: Exception) -> bool:
    """Whether the same messages may be accepted within seconds."""
    match failure:
        case RequestFailed():
            return not failure.is_lasting
        case AmqpError():
            return failure.condition in _PASSING
        case HostError():
            return False
    return not isinstance(failure, ValueError)


def _is_of_the_entity(failure: Exception) -> bool:
    """Whether each other message would fail too."""
    if isinstance(failure, AmqpError):
        return failure.condition in _PASSING | _OF_THE_ENTITY
    return not isinstance(failure, ValueError)


def _end(accepted: asyncio.Future[None], failure: Exception | None) -> None:
    if accepted.done():
        return
    if failure is None:
        accepted.set_result(None)
    else:
        accepted.set_exception(failure)
