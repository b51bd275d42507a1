"""Dead letters of the input queue, sent again as they were."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from azure.servicebus import ServiceBusReceivedMessage, ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver
from azure.servicebus.amqp import AmqpAnnotatedMessage, AmqpMessageBodyType
from azure.servicebus.exceptions import MessageLockLostError, MessageSizeExceededError

from deploy.requeue.given_up import GivenUp

#: Messages a round trip.
PAGE = 100
#: Seconds without a message after which the queue counts as read.
QUIET_S = 2.0

#: What the broker adds when it gives a message up.
_ADDED = ("DeadLetterReason", "DeadLetterErrorDescription")
_PARTITION = "x-opt-partition-key"
#: Of a message's first life; its copy gets its own.
_LIFE = ("creation_time", "absolute_expiry_time")


class DeadLetters:
    """One queue's. Raises ServiceBusError."""

    def __init__(self, client: ServiceBusClient, queue: str) -> None:
        self._client, self._queue = client, queue

    async def look(self) -> list[GivenUp]:
        """All of them, oldest first. Nothing is locked."""
        found: list[GivenUp] = []
        async with self._receiver() as receiver:
            number = 0
            while page := await receiver.peek_messages(PAGE, sequence_number=number):
                found.extend(_given_up(message) for message in page)
                number = (page[-1].sequence_number or number) + 1
        return found

    async def send(
        self, wanted: Sequence[GivenUp], *, page: int, pace: Callable[[], Awaitable[None]]
    ) -> AsyncIterator[tuple[GivenUp, Exception | None]]:
        """Send each and take it off the queue; yields each with what kept it from being sent.

        `page` are locked at once, and must be done with before their locks end.
        """
        left = {each.handle: each for each in wanted}
        others: list[ServiceBusReceivedMessage] = []
        async with self._receiver() as receiver, self._client.get_queue_sender(self._queue) as out:
            while left and (messages := await receiver.receive_messages(min(page, PAGE))):
                for message in messages:
                    if (chosen := left.pop(message.sequence_number, None)) is None:
                        others.append(message)
                        continue
                    await pace()
                    try:
                        await out.send_messages(again(message))
                    except (ValueError, MessageSizeExceededError) as error:
                        # The SDK sends no bytes in a property that are not UTF-8.
                        others.append(message)
                        yield chosen, error
                        continue
                    with suppress(MessageLockLostError):  # it stays listed, and is sent twice
                        await receiver.complete_message(message)
                    yield chosen, None
            for message in others:
                with suppress(MessageLockLostError):
                    await receiver.abandon_message(message)

    def _receiver(self) -> ServiceBusReceiver:
        return self._client.get_queue_receiver(
            self._queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER, max_wait_time=QUIET_S
        )


def again(message: ServiceBusReceivedMessage) -> AmqpAnnotatedMessage:
    """The message as it was sent: body, id, properties, content type, session, time to live.

    The SDK reads texts as bytes, and would send them as bytes: what is UTF-8 goes out as a text.
    """
    raw = message.raw_amqp_message
    properties = {} if raw.properties is None else dict(raw.properties.items())
    own = _texts(dict(raw.application_properties or {}))
    annotations = _texts(dict(raw.annotations or {}))
    return AmqpAnnotatedMessage(
        **_body(raw),
        properties={name: _texts(value) for name, value in properties.items() if name not in _LIFE},
        application_properties={name: own[name] for name in own if name not in _ADDED},
        annotations={name: annotations[name] for name in annotations if name == _PARTITION},
        header={"time_to_live": raw.header and raw.header.time_to_live, "durable": True},
    )


def _body(raw: AmqpAnnotatedMessage) -> dict[str, Any]:
    if raw.body_type == AmqpMessageBodyType.VALUE:
        return {"value_body": _texts(raw.body)}
    if raw.body_type == AmqpMessageBodyType.SEQUENCE:
        return {"sequence_body": [_texts(each) for each in raw.body]}
    return {"data_body": list(raw.body)}


def _texts(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    if isinstance(value, dict):
        return {_texts(key): _texts(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_texts(each) for each in value]
    return value


def _given_up(message: ServiceBusReceivedMessage) -> GivenUp:
    sent: datetime | None = message.enqueued_time_utc
    return GivenUp(
        kind="message",
        name=message.message_id or f"sequence-{message.sequence_number}",
        reason=message.dead_letter_reason or "unknown",
        age_s=0.0 if sent is None else (datetime.now(UTC) - sent).total_seconds(),
        detail=message.dead_letter_error_description or "",
        handle=message.sequence_number,
    )
