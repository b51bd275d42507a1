"""Result documents as messages for the output queue or topic."""

from __future__ import annotations

import hashlib

import orjson

from triggers.delivery import message_spans
from triggers.delivery.output_queue import Outgoing
from triggers.service_bus_trigger.received_message import ReceivedMessage


def message_id_of(document: bytes) -> str:
    """The id of a document's message.

    A process that is killed after sending sends the document again. With the same id, a broker with
    duplicate detection drops the second message.
    """
    return hashlib.blake2b(document, digest_size=16).hexdigest()


def result_message(document: str, message: ReceivedMessage, request_id: str) -> Outgoing:
    """The document of a message, in the message's session.

    `request_id` is the correlation id if the message has none.
    """
    return Outgoing(
        document,
        message_id_of(document.encode()),
        message.correlation_id or request_id,
        message.session_id,
        message_spans.of_document(document),
    )


def late_message(document: str, message_id: str) -> Outgoing:
    """A document whose message is settled or lost: the document has its ids and its session.

    In a queue that requires sessions, a document without one has a session of its own.
    """
    read = orjson.loads(document)
    correlation_id = read.get("correlation_id") or read["id"]
    session_id = read.get("session_id") or message_id
    trace = message_spans.header(read)
    return Outgoing(document, message_id, correlation_id, session_id, trace)
