"""Dead letters of the input queue or subscription, sent again as they were."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from azure.servicebus import ServiceBusReceivedMessage, ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver
from azure.servicebus.amqp import AmqpAnnotatedMessage, AmqpMessageBodyType
from azure.servicebus.exceptions import MessageLockLostError, MessageSizeExceededError

from deploy.requeue.failed_inputs import FailedInput
from triggers.bus_entity import BusEntity

#: Messages a round trip.
PAGE = 100
#: Seconds without a message after which the queue counts as empty.
QUIET_S = 2.0

#: Application properties that the broker adds to a dead letter.
_DEAD_LETTER = frozenset({"DeadLetterReason", "DeadLetterErrorDescription"})
#: The only annotation that a sender sets.
_PARTITION = "x-opt-partition-key"
#: Properties of the first delivery; the broker sets new ones.
_TIMES = frozenset({"creation_time", "absolute_expiry_time"})


class DeadLetters:
    """The dead letters of one queue or subscription. Raises ServiceBusError.

    Those of a subscription are sent to its topic, since nothing can be sent to a subscription.
    """

    def __init__(self, client: ServiceBusClient, entity: BusEntity) -> None:
        self._client, self._entity = client, entity

    async def peek(self) -> list[FailedInput]:
        """All of them, oldest first. None is locked."""
        found: list[FailedInput] = []
        async with self._receiver() as receiver:
            number = 0
            while page := await receiver.peek_messages(PAGE, sequence_number=number):
                found.extend(_failed_input(message) for message in page)
                number = (page[-1].sequence_number or number) + 1
        return found

    async def send(
        self, wanted: Sequence[FailedInput], *, page: int, pace: Callable[[], Awaitable[None]]
    ) -> AsyncIterator[tuple[FailedInput, Exception | None]]:
        """Send each again and remove it from the dead letters; yields it, with any error.

        `page` messages are locked at once, and must be sent before their locks end.
        """
        left = {letter.handle: letter for letter in wanted}
        others: list[ServiceBusReceivedMessage] = []
        async with self._receiver() as receiver, self._entity.sender(self._client) as out:
            while left and (messages := await receiver.receive_messages(min(page, PAGE))):
                for message in messages:
                    if (letter := left.pop(message.sequence_number, None)) is None:
                        others.append(message)
                        continue
                    await pace()
                    try:
                        await out.send_messages(copy_message(message))
                    except (ValueError, MessageSizeExceededError) as error:
                        # The SDK cannot send bytes in a property that are not UTF-8.
                        others.append(message)
                        yield letter, error
                        continue
                    with suppress(MessageLockLostError):  # it stays listed, and the copy is sent
                        await receiver.complete_message(message)
                    yield letter, None
            for message in others:
                with suppress(MessageLockLostError):
                    await receiver.abandon_message(message)

    def _receiver(self) -> ServiceBusReceiver:
        receiver: ServiceBusReceiver = self._entity.receiver(
            self._client, sub_queue=ServiceBusSubQueue.DEAD_LETTER, max_wait_time=QUIET_S
        )
        return receiver


def copy_message(message: ServiceBusReceivedMessage) -> AmqpAnnotatedMessage:
    """The message as it was sent: body, id, properties, content type, session, time to live.

    The SDK reads strings as bytes and would send them as bytes: all that is UTF-8 is decoded.
    """
    raw = message.raw_amqp_message
    annotations = _decode(dict(raw.annotations or {}))
    return AmqpAnnotatedMessage(
        **_body(raw),
        properties=_properties(raw),
        application_properties=_application_properties(raw),
        annotations={_PARTITION: annotations[_PARTITION]} if _PARTITION in annotations else {},
        header={"time_to_live": raw.header and raw.header.time_to_live, "durable": True},
    )


def _properties(raw: AmqpAnnotatedMessage) -> dict[str, Any]:
    if raw.properties is None:
        return {}
    return {name: _decode(value) for name, value in raw.properties.items() if name not in _TIMES}


def _application_properties(raw: AmqpAnnotatedMessage) -> dict[Any, Any]:
    properties = _decode(dict(raw.application_properties or {}))
    return {name: value for name, value in properties.items() if name not in _DEAD_LETTER}


def _body(raw: AmqpAnnotatedMessage) -> dict[str, Any]:
    if raw.body_type == AmqpMessageBodyType.VALUE:
        return {"value_body": _decode(raw.body)}
    if raw.body_type == AmqpMessageBodyType.SEQUENCE:
        return {"sequence_body": [_decode(part) for part in raw.body]}
    return {"data_body": list(raw.body)}


def _decode(value: Any) -> Any:
    """The value with all bytes that are UTF-8 as str, also within lists and maps."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    if isinstance(value, dict):
        return {_decode(key): _decode(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_decode(each) for each in value]
    return value


def _failed_input(message: ServiceBusReceivedMessage) -> FailedInput:
    sent: datetime | None = message.enqueued_time_utc
    return FailedInput(
        kind="message",
        name=message.message_id or f"sequence-{message.sequence_number}",
        reason=message.dead_letter_reason or "unknown",
        age_s=0.0 if sent is None else (datetime.now(UTC) - sent).total_seconds(),
        detail=message.dead_letter_error_description or "",
        handle=message.sequence_number,
    )
