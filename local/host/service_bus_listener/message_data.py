"""Converts messages to trigger data: bodies and metadata as the real host passes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from azure.servicebus import ServiceBusReceivedMessage

from local.host.app.bindings import DataType
from local.host.app.protos import CollectionBytes, CollectionSInt64, CollectionString, TypedData
from local.host.service_bus_listener.body_text import UnfitBody, text_of

#: The expiry of a message without a time to live: .NET's DateTime.MaxValue, in microseconds.
NEVER = "9999-12-31T23:59:59.999999"

Read = Callable[[ServiceBusReceivedMessage], Any]

#: Metadata passed as strings; absent values are left out. A batch has arrays, named `…Array`.
_STRINGS: dict[str, Read] = {
    "MessageId": lambda message: message.message_id,
    "CorrelationId": lambda message: message.correlation_id,
    "ContentType": lambda message: message.content_type,
    "LockToken": lambda message: str(message.lock_token),
    "Label": lambda message: message.subject,
    "Subject": lambda message: message.subject,
    "To": lambda message: message.to,
    "ReplyTo": lambda message: message.reply_to,
    "SessionId": lambda message: message.session_id,
    "ReplyToSessionId": lambda message: message.reply_to_session_id,
    "PartitionKey": lambda message: message.partition_key,
    "TransactionPartitionKey": lambda _: None,
    "DeadLetterSource": lambda message: message.dead_letter_source,
}

#: Metadata passed as JSON.
_JSON: dict[str, Read] = {
    "DeliveryCount": lambda message: (message.delivery_count or 0) + 1,
    "EnqueuedTimeUtc": lambda message: _time(message.enqueued_time_utc),
    "EnqueuedTime": lambda message: _time(message.enqueued_time_utc),
    "ExpiresAtUtc": lambda message: _time(message.expires_at_utc) or NEVER,
    "ExpiresAt": lambda message: _time(message.expires_at_utc) or NEVER,
    "ApplicationProperties": lambda message: _to_json(message.application_properties or {}),
    "UserProperties": lambda message: _to_json(message.application_properties or {}),
}


def body_of(message: ServiceBusReceivedMessage) -> bytes:
    """The bytes of all data sections, or of a value: as it is for bytes and text, else as JSON."""
    body = message.body
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, Mapping):
        return json.dumps(_to_json(body)).encode()
    parts = list(body) if body is not None else []
    if all(isinstance(part, bytes) for part in parts):
        return b"".join(parts)
    return json.dumps(_to_json(parts)).encode()


def single_data(message: ServiceBusReceivedMessage, data_type: DataType) -> TypedData:
    """The body of one message: bytes for data type binary, else text. Raises UnfitBody."""
    body = body_of(message)
    if data_type == "binary":
        return TypedData(bytes=body)
    return TypedData(string=text_of(body, message.content_type))


def single_metadata(
    message: ServiceBusReceivedMessage, data_type: DataType
) -> dict[str, TypedData]:
    """Metadata of one message.

    Unless the data type is binary, the fields of a body that is a JSON object replace metadata of
    the same name, without regard to case.
    """
    metadata: dict[str, TypedData] = {
        name: TypedData(string=str(value))
        for name, read in _STRINGS.items()
        if (value := read(message)) is not None
    }
    metadata |= {name: TypedData(json=json.dumps(read(message))) for name, read in _JSON.items()}
    metadata["SequenceNumber"] = TypedData(json=json.dumps(message.sequence_number))
    if data_type != "binary":
        _replace(metadata, _fields(body_of(message)))
    return metadata


def batch_data(messages: Sequence[ServiceBusReceivedMessage], data_type: DataType) -> TypedData:
    """The bodies of a batch. Raises UnfitBody.

    Without a data type each body must be JSON. With data type string, empty bodies are left out, so
    that bodies and metadata no longer match by position, as in Azure.
    """
    bodies = [body_of(message) for message in messages]
    match data_type:
        case "binary":
            return TypedData(collection_bytes=CollectionBytes(bytes=bodies))
        case "string":
            texts = [
                text_of(body, message.content_type)
                for body, message in zip(bodies, messages, strict=True)
                if body
            ]
            return TypedData(collection_string=CollectionString(string=texts))
    try:
        values = [json.loads(body) for body in bodies]
    except (ValueError, RecursionError) as error:
        raise UnfitBody(
            "JsonReaderException: a batch without data_type takes JSON bodies only; "
            "set data_type=BINARY on the trigger"
        ) from error
    return TypedData(json=json.dumps(values))


def batch_metadata(messages: Sequence[ServiceBusReceivedMessage]) -> dict[str, TypedData]:
    """Metadata arrays of a batch. Arrays of strings leave out absent values, as in Azure."""
    metadata = {
        f"{name}Array": TypedData(
            collection_string=CollectionString(
                string=[str(value) for value in map(read, messages) if value is not None]
            )
        )
        for name, read in _STRINGS.items()
    }
    metadata |= {
        f"{name}Array": TypedData(json=json.dumps([read(message) for message in messages]))
        for name, read in _JSON.items()
    }
    metadata["SequenceNumberArray"] = TypedData(
        collection_sint64=CollectionSInt64(sint64=[message.sequence_number for message in messages])
    )
    return metadata


def values_of(metadata: Mapping[str, TypedData]) -> dict[str, str]:
    """The values for binding expressions: all metadata that are text."""
    return {name: data.string for name, data in metadata.items() if data.string is not None}


def _fields(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _replace(metadata: dict[str, TypedData], fields: Mapping[str, Any]) -> None:
    names = {name.lower(): name for name in metadata}
    for field, value in fields.items():
        name = names.get(field.lower(), field)
        metadata[name] = (
            TypedData(string=value) if isinstance(value, str) else TypedData(json=json.dumps(value))
        )


def _to_json(value: Any) -> Any:
    """An AMQP value as a JSON value: bytes as text, times in ISO 8601, other types as `str()`."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case bytes():
            return value.decode("utf-8", "replace")
        case datetime():
            return _time(value)
        case Mapping():
            return {_to_json(key): _to_json(each) for key, each in value.items()}
        case list() | tuple():
            return [_to_json(each) for each in value]
    return str(value)


def _time(value: datetime | None) -> str | None:
    """UTC without a `Z`, as .NET writes it."""
    if value is None:
        return None
    if value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return value.isoformat()
