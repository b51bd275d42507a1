"""Encodes messages, and puts many into one transfer, as Service Bus's SDKs do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from local.emulators.servicebus.amqp.encoding import encode
from local.emulators.servicebus.amqp.sections import DATA, Properties
from local.emulators.servicebus.amqp.values import Described, Symbol

#: The formats of a transfer that is a message, and of one whose data sections are messages.
SINGLE, BATCH = 0, 0x80013700
#: The bytes of a data section before its content.
OVERHEAD = 8


class Transferred(NamedTuple):
    content: bytes
    message_format: int


def encode_message(body: bytes, *, message_id: str, content_type: str) -> bytes:
    properties = Properties(message_id=message_id, content_type=Symbol(content_type))
    return encode(properties.described()) + encode(Described(DATA, body))


def in_transfers(messages: Iterable[bytes], max_size: int) -> Iterator[Transferred]:
    """As few transfers as the size allows. A message that is too large has one of its own."""
    batch: list[bytes] = []
    size = 0
    for message in messages:
        if batch and size + len(message) + OVERHEAD > max_size:
            yield _transfer(batch)
            batch, size = [], 0
        batch.append(message)
        size += len(message) + OVERHEAD
    if batch:
        yield _transfer(batch)


def _transfer(batch: list[bytes]) -> Transferred:
    if len(batch) == 1:
        return Transferred(batch[0], SINGLE)
    return Transferred(b"".join(encode(Described(DATA, each)) for each in batch), BATCH)
