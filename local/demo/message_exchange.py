"""Messages through the Service Bus trigger: sends them and waits for their result documents."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from azure.servicebus import (
    ServiceBusClient,
    ServiceBusMessage,
    ServiceBusReceiver,
    ServiceBusSender,
)
from azure.servicebus.exceptions import MessageSizeExceededError

from local.demo.errors import TourError
from local.demo.example import Body

#: Seconds between two checks for an answer.
POLL_S = 0.03


def score(
    connection: str,
    queues: tuple[str, str],
    messages: Mapping[str, Body],
    ids: set[str],
    timeout_s: float,
) -> tuple[dict[str, Any], float]:
    """Send messages by id. Returns the result documents of `ids` and the seconds that they took.
    Raises TourError, AzureError.

    `queues`: of the input and of the output. `ids`: of the messages and of other results that the
    output queue holds or is going to hold.
    """
    source, target = queues
    sent = [
        ServiceBusMessage(
            body.content,
            message_id=name,
            session_id=name,  # for a queue with sessions; others ignore it
            application_properties={"content_type": body.content_type},
        )
        for name, body in messages.items()
    ]
    with (
        ServiceBusClient.from_connection_string(connection) as bus,
        bus.get_queue_sender(source) as sender,
        bus.get_queue_receiver(target) as receiver,
    ):
        start = time.perf_counter()  # the SDK takes a second to open both
        _send(sender, sent)
        documents = _wait_for_documents(receiver, ids, timeout_s)
        elapsed = time.perf_counter() - start
        _remove_documents(receiver, documents, ids)
    return documents, elapsed


def _send(sender: ServiceBusSender, messages: Sequence[ServiceBusMessage]) -> None:
    """In as many batches as their size asks for: wide rows do not fit into one."""
    batch = sender.create_message_batch()
    for message in messages:
        try:
            batch.add_message(message)
        except MessageSizeExceededError:
            sender.send_messages(batch)
            batch = sender.create_message_batch()
            batch.add_message(message)
    sender.send_messages(batch)


def find_queue(connection: str, name: str) -> None:
    """Raises AzureError if the queue or topic does not answer."""
    with (
        ServiceBusClient.from_connection_string(connection, retry_total=0) as bus,
        bus.get_queue_sender(name),
    ):
        pass


def _wait_for_documents(
    receiver: ServiceBusReceiver, ids: set[str], timeout_s: float
) -> dict[str, Any]:
    """All documents of the queue, once those with these ids are among them."""
    deadline = time.monotonic() + timeout_s
    while True:
        present = {document["id"]: document for document in _peek_all(receiver)}
        if ids <= set(present):
            return present
        if time.monotonic() > deadline:
            arrived = len(ids & set(present))
            raise TourError(f"{arrived} of {len(ids)} results came within {timeout_s:g} s")
        time.sleep(POLL_S)


def _remove_documents(
    receiver: ServiceBusReceiver, present: Mapping[str, Any], ids: set[str]
) -> None:
    """Remove the documents with these ids. If the queue has other ones too, all stay: receiving
    those would count as deliveries.
    """
    received = 0
    while set(present) == ids and received < len(ids):
        for message in receiver.receive_messages(len(ids), max_wait_time=1):
            receiver.complete_message(message)
            received += 1


def _peek_all(receiver: ServiceBusReceiver) -> Iterator[Any]:
    following = 1  # without a number, the SDK continues from its last peek
    while messages := receiver.peek_messages(100, sequence_number=following):
        yield from (json.loads(str(message)) for message in messages)
        following = (messages[-1].sequence_number or 0) + 1
