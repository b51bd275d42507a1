"""Converts messages between REST's form (headers and a body) and AMQP's encoding."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any
from uuid import UUID

from local.emulators.servicebus.amqp import sections
from local.emulators.servicebus.amqp.encoding import encode
from local.emulators.servicebus.amqp.sections import Header, Properties
from local.emulators.servicebus.amqp.values import Described, Symbol, Timestamp, UInt
from local.emulators.servicebus.broker.message import Delivery, Message, State
from local.emulators.servicebus.property_conversion import FIELDS

_JSON_HEADER = "brokerproperties"
#: Request headers that are no application properties of the message.
_NOT_PROPERTIES = {
    *("authorization", "content-type", "content-length", "host", "accept", "accept-encoding"),
    *("user-agent", "connection", "transfer-encoding", "expect", "content-encoding", "cookie"),
    *("x-ms-client-request-id", "commandname", "parametersetname", "x-ms-client-session-id"),
    *("date", "keep-alive", "origin", "referer", "cache-control", "pragma", _JSON_HEADER),
}


def read(headers: Mapping[str, str], body: bytes) -> bytes:
    """The encoded message of a request. Raises ValueError."""
    broker = json.loads(headers.get(_JSON_HEADER, "{}"))
    if not isinstance(broker, dict):
        raise ValueError(  # noqa: TRY004 - a value of the client's
            "BrokerProperties is not a JSON object."
        )
    user = {name: _value(text) for name, text in headers.items() if name not in _NOT_PROPERTIES}
    return _encode(broker, user, headers.get("content-type"), body)


def read_batch(body: bytes) -> list[bytes]:
    """The encoded messages of a JSON batch. Raises ValueError."""
    entries = json.loads(body)
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise ValueError("The batch is not a JSON list of objects.")
    return [
        _encode(
            entry.get("BrokerProperties") or {},
            entry.get("UserProperties") or {},
            (entry.get("BrokerProperties") or {}).get("ContentType"),
            str(entry.get("Body", "")).encode(),
        )
        for entry in entries
    ]


def write(message: Message, delivery: Delivery | None = None) -> tuple[dict[str, str], bytes]:
    """The headers and the body of a response."""
    content = message.draft.content
    properties = sections.split(content).properties
    found = {name: getattr(properties, field) for name, field in FIELDS.items()}
    broker = {name: _json(value) for name, value in found.items() if value is not None}
    broker |= {
        "SequenceNumber": message.sequence,
        "EnqueuedTimeUtc": _http_time(message.enqueued_ms),
        # REST counts the delivery that it makes.
        "DeliveryCount": message.delivery_count + 1,
        "State": State(message.state).name.capitalize(),
    }
    if message.draft.ttl_ms is not None:
        broker["TimeToLive"] = message.draft.ttl_ms / 1000
    if delivery is not None:
        broker["LockToken"] = str(delivery.token)
        broker["LockedUntilUtc"] = _http_time(delivery.locked_until_ms)
    headers = {
        _header_name(name): json.dumps(_json(value))
        for name, value in sections.application_properties(content).items()
    }
    headers["BrokerProperties"] = json.dumps(broker)
    headers["content-type"] = str(properties.content_type or "application/octet-stream")
    return headers, _body(content)


def _encode(
    broker: dict[str, Any], user: dict[str, Any], content_type: str | None, body: bytes
) -> bytes:
    fields: dict[str, Any] = {
        field: str(broker[name]) for name, field in FIELDS.items() if broker.get(name) is not None
    }
    if content_type:
        fields["content_type"] = Symbol(content_type)
    header = Header()
    if broker.get("TimeToLive") is not None:
        header.ttl = UInt(min(round(float(broker["TimeToLive"]) * 1000), 2**32 - 1))
    annotations = {}
    if broker.get("ScheduledEnqueueTimeUtc"):
        due = parsedate_to_datetime(str(broker["ScheduledEnqueueTimeUtc"]))
        annotations[Symbol("x-opt-scheduled-enqueue-time")] = Timestamp(
            round(due.replace(tzinfo=due.tzinfo or UTC).timestamp() * 1000)
        )
    bare = encode(Properties(**fields).described())
    if user:
        bare += encode(Described(sections.APPLICATION_PROPERTIES, user))
    bare += encode(Described(sections.DATA, body))
    return sections.join(header, {}, annotations, bare)


def _body(content: bytes) -> bytes:
    data = sections.data_bodies(content)
    if data:
        return b"".join(data)
    value = sections.value_body(content)
    return value if isinstance(value, bytes) else json.dumps(_json(value)).encode()


def _value(text: str) -> Any:
    """Of a property's header: JSON, as Service Bus reads it, or the text itself."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str | int | float | bool) else text


def _json(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, Timestamp):
        return _http_time(int(value))
    if isinstance(value, UUID):
        return str(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _header_name(name: object) -> str:
    return "".join(sign if sign.isalnum() or sign in "-_." else "_" for sign in str(name))


def _http_time(ms: int) -> str:
    return format_datetime(datetime.fromtimestamp(ms / 1000, UTC), usegmt=True)
