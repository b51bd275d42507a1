"""The messages of a Service Bus output: bodies by the real host's rules, ids by ours."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from local.host.amqp_client.message_batch import encode_message
from local.host.app.bindings import Identity
from local.host.app.protos import TypedData

CONTENT_TYPE = "text/plain"


class OutputMessage(NamedTuple):
    body: str
    message_id: str

    def encoded(self) -> bytes:
        return encode_message(
            self.body.encode(), message_id=self.message_id, content_type=CONTENT_TYPE
        )


def make_messages(
    data: TypedData, binding: str, identities: Sequence[Identity]
) -> list[OutputMessage]:
    """The messages of one output.

    Bodies: a JSON array makes one message per element; a JSON object is reformatted with
    indentation; bytes become the text `System.Byte[]`.

    Ids: a hash of `binding` (function and binding) and of the triggering input. If an input is
    delivered again, perhaps in another batch, its output messages get the same ids, and a queue
    with duplicate detection drops them. Which input an output belongs to:

    - An object with an `id` belongs to the input message with that id; if there is none, its own
      content takes the input's place in the hash.
    - With as many elements as inputs, each element belongs to the input at its position.
    - Any other element belongs to the whole batch, and its position is part of the hash.
    """
    values = _values(data)
    paired = len(values) == len(identities)
    whole = "\n".join(identity.key for identity in identities)
    by_name = {identity.name: identity.key for identity in identities if identity.name}
    sent = []
    for index, value in enumerate(values):
        body = _text(value)
        name = value.get("id") if isinstance(value, dict) else None
        if by_name and name and isinstance(name, str):
            sent.append(_message(body, binding, by_name.get(name, body), 0))
        elif paired:
            sent.append(_message(body, binding, identities[index].key, 0))
        else:
            sent.append(_message(body, binding, whole, index))
    return sent


def _values(data: TypedData) -> list[Any]:
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
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    """As Newtonsoft's `JToken.ToString()`, which the real host calls."""
    match value:
        case None:
            return ""
        case bool():
            return str(value)
        case str():
            return value
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    except TypeError:  # an integer of more than 64 bits, or a number that JSON does not have
        return json.dumps(value, indent=2, ensure_ascii=False)


def _message(body: str, binding: str, identity: str, index: int) -> OutputMessage:
    digest = hashlib.sha256(f"{binding}\n{index}\n{identity}".encode()).hexdigest()
    return OutputMessage(body, digest[:32])
