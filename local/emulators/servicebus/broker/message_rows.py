"""Converts messages to rows of the table `message` and back."""

from __future__ import annotations

from typing import Any

from local.emulators.servicebus.broker.message import (
    DeadLetter,
    Draft,
    DraftReader,
    Message,
    State,
)

#: The columns of a message without its draft, and those of a draft.
MESSAGE_COLUMNS = (
    "sequence, state, delivery_count, dead, reason, description, enqueued_ms, expires_ms, "
    "session_id"
)
DRAFT_COLUMNS = (
    "message_id, content, annotations, durable, priority, ttl_ms, scheduled_ms, session_id, "
    "enqueued_sequence, dead_letter_source"
)
INSERT = (
    "INSERT INTO message (queue, state, delivery_count, dead, reason, description, enqueued_ms, "  # noqa: S608 - constants
    f"expires_ms, sequence, {DRAFT_COLUMNS}) VALUES ({', '.join('?' * 19)})"
)
UPDATE = """
UPDATE message SET state = ?, delivery_count = ?, dead = ?, reason = ?, description = ?,
    enqueued_ms = ?, expires_ms = ? WHERE queue = ? AND sequence = ?
"""

#: The values of `dead`.
_ALIVE, _DEAD, _DEAD_IN_TRANSFER = range(3)


def inserted(queue: str, message: Message) -> tuple[Any, ...]:
    """The parameters of INSERT."""
    draft = message.draft
    return (
        queue,
        *_changing(message),
        *(message.sequence, draft.message_id, draft.content, draft.annotations, draft.durable),
        *(draft.priority, draft.ttl_ms, draft.scheduled_ms, draft.session_id),
        *(draft.enqueued_sequence, draft.dead_letter_source),
    )


def updated(queue: str, message: Message) -> tuple[Any, ...]:
    """The parameters of UPDATE."""
    return (*_changing(message), queue, message.sequence)


def _changing(message: Message) -> tuple[Any, ...]:
    dead = message.dead
    if dead is None:
        code, reason, description = _ALIVE, None, None
    else:
        code = _DEAD_IN_TRANSFER if dead.in_transfer else _DEAD
        reason, description = dead.reason, dead.description
    return (
        *(message.state, message.delivery_count, code, reason, description),
        *(message.enqueued_ms, message.expires_ms),
    )


def read_message(row: tuple[Any, ...], read_draft: DraftReader) -> Message:
    """From MESSAGE_COLUMNS. The draft stays in the store until it is needed."""
    sequence, state, delivery_count, dead, reason, description, enqueued_ms, expires_ms, sid = row
    return Message(
        sequence=sequence,
        kept=read_draft,
        enqueued_ms=enqueued_ms,
        expires_ms=expires_ms,
        state=State(state),
        delivery_count=delivery_count,
        dead=DeadLetter(reason, description, dead == _DEAD_IN_TRANSFER) if dead else None,
        session_id=sid,
    )


def read_draft(row: tuple[Any, ...]) -> Draft:
    """From DRAFT_COLUMNS."""
    message_id, content, annotations, durable, *rest = row
    return Draft(message_id, content, annotations, bool(durable), *rest)
