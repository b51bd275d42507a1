"""Result documents as messages for the output queue or topic."""

from __future__ import annotations

import hashlib

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
    )
