"""What a Service Bus output makes of a function's value: the real host's rules, and ids of ours."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from azure.servicebus import ServiceBusMessage

from host.protos import TypedData

CONTENT_TYPE = "text/plain"


def messages(data: TypedData, binding: str, identities: Sequence[str]) -> list[ServiceBusMessage]:
    """The messages of one output.

    A JSON array is one message an element; a JSON object is written anew with indentation; bytes
    become the text `System.Byte[]`.

    Each message's id follows from `binding` (function and binding), from what triggered, and from
    its place, so that a queue with duplicate detection drops what an input that comes again sends
    again. Where an array has as many elements as its batch has messages, element and message of
    the same place belong together.
    """
    bodies = _bodies(data)
    if len(bodies) == len(identities):
        return [
            _message(body, binding, identity, 0)
            for body, identity in zip(bodies, identities, strict=True)
        ]
    identity = "\n".join(identities)
    return [_message(body, binding, identity, index) for index, body in enumerate(bodies)]


def _bodies(data: TypedData) -> list[str]:
    match data.WhichOneof("data"):
        case "bytes":
            return ["System.Byte[]"]
        case "string":
            text = str(data.string)
        case "json":
            text = str(data.json)
        case _:
            return []
    if not text.lstrip().startswith(("[", "{")):
        return [text]
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return [text]
    return [_text(each) for each in value] if isinstance(value, list) else [_text(value)]


def _text(value: Any) -> str:
    """As Newtonsoft's `JToken.ToString()`, which the real host calls."""
    match value:
        case None:
            return ""
        case bool():
            return str(value)
        case str():
            return value
        case _:
            return json.dumps(value, indent=2, ensure_ascii=False)


def _message(body: str, binding: str, identity: str, index: int) -> ServiceBusMessage:
    digest = hashlib.sha256(f"{binding}\n{index}\n{identity}".encode()).hexdigest()
    return ServiceBusMessage(body, content_type=CONTENT_TYPE, message_id=digest[:32])
