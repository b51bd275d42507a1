"""Messages as the real host passes them to SDK-type bindings: a lock token and the AMQP bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.amqp import AmqpAnnotatedMessage, AmqpMessageBodyType, AmqpMessageProperties

from local.emulators.servicebus.amqp.encoding import encode
from local.emulators.servicebus.amqp.sections import (
    AMQP_VALUE,
    APPLICATION_PROPERTIES,
    DATA,
    DELIVERY_ANNOTATIONS,
    MESSAGE_ANNOTATIONS,
    Header,
    Properties,
)
from local.emulators.servicebus.amqp.values import Described, Symbol, Timestamp, UInt, ULong
from local.host.app.protos import CollectionModelBindingData, ModelBindingData, TypedData

SEQUENCE = ULong(0x76)
LOCK_TOKEN = Symbol("x-opt-lock-token")
#: Annotations that are times, in milliseconds since 1970.
TIMES = {b"x-opt-enqueued-time", b"x-opt-locked-until", b"x-opt-scheduled-enqueue-time"}


def single_reference(message: ServiceBusReceivedMessage) -> TypedData:
    return TypedData(model_binding_data=_reference(message))


def batch_references(messages: Sequence[ServiceBusReceivedMessage]) -> TypedData:
    return TypedData(
        collection_model_binding_data=CollectionModelBindingData(
            model_binding_data=[_reference(message) for message in messages]
        )
    )


def _reference(message: ServiceBusReceivedMessage) -> ModelBindingData:
    lock_token = UUID(str(message.lock_token))
    return ModelBindingData(
        version="1.0",
        source="AzureServiceBusReceivedMessage",
        content_type="application/octet-stream",
        content=lock_token.bytes_le + b"".join(map(encode, _sections(message, lock_token))),
    )


def _sections(message: ServiceBusReceivedMessage, lock_token: UUID) -> Iterable[Described]:
    raw = message.raw_amqp_message
    yield _header(raw, message.delivery_count or 0)
    yield Described(DELIVERY_ANNOTATIONS, {LOCK_TOKEN: lock_token})
    annotations = {
        _symbol(name): Timestamp(value) if name in TIMES else _value(value)
        for name, value in (raw.annotations or {}).items()
    }
    yield Described(MESSAGE_ANNOTATIONS, annotations)
    if raw.properties is not None:
        yield _properties(raw.properties)
    if raw.application_properties:
        yield Described(APPLICATION_PROPERTIES, _value(raw.application_properties))
    yield from _body(raw)


def _header(raw: AmqpAnnotatedMessage, delivery_count: int) -> Described:
    """As .NET's SDK reads it: its delivery count includes this delivery."""
    header = Header(delivery_count=UInt(delivery_count + 1))
    if raw.header is not None and raw.header.time_to_live is not None:
        header.ttl = UInt(raw.header.time_to_live)
    return header.described()


def _properties(sent: AmqpMessageProperties) -> Described:
    properties = Properties(
        message_id=_value(sent.message_id),
        user_id=sent.user_id,
        to=_value(sent.to),
        subject=_value(sent.subject),
        reply_to=_value(sent.reply_to),
        correlation_id=_value(sent.correlation_id),
        group_id=_value(sent.group_id),
        reply_to_group_id=_value(sent.reply_to_group_id),
    )
    if sent.content_type:
        properties.content_type = _symbol(sent.content_type)
    if sent.content_encoding:
        properties.content_encoding = _symbol(sent.content_encoding)
    return properties.described()


def _body(raw: AmqpAnnotatedMessage) -> Iterable[Described]:
    match raw.body_type:
        case AmqpMessageBodyType.VALUE:
            yield Described(AMQP_VALUE, _value(raw.body))
        case AmqpMessageBodyType.SEQUENCE:
            for items in raw.body:
                yield Described(SEQUENCE, _value(items))
        case _:
            for part in raw.body or ():
                yield Described(DATA, part)


def _symbol(name: Any) -> Any:
    """A symbol, unless a sender put other characters than ASCII into it."""
    text = _value(name)
    return Symbol(text) if isinstance(text, str) and text.isascii() else text


def _value(value: Any) -> Any:
    """A value of the SDK, which reads texts as bytes, with texts as `str` again."""
    match value:
        case bytes():
            return _text(value)
        case Mapping():
            return {_value(key): _value(each) for key, each in value.items()}
        case list() | tuple():
            return [_value(each) for each in value]
        case int() if value >= 2**63:
            return ULong(value)
        case None | bool() | int() | float() | str() | UUID():
            return value
    return str(value)


def _text(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value
