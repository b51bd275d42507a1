"""Reads and writes the properties of encoded messages, for the rules of subscriptions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from local.emulators.servicebus.amqp import sections
from local.emulators.servicebus.amqp.values import Symbol
from local.emulators.servicebus.broker.message import DeadLetter, Draft
from local.emulators.servicebus.broker.rules.message_properties import MessageProperties

#: The field of AMQP's properties that has each system property that REST has too.
FIELDS = {
    "MessageId": "message_id",
    "CorrelationId": "correlation_id",
    "Label": "subject",
    "To": "to",
    "ReplyTo": "reply_to",
    "SessionId": "group_id",
    "ReplyToSessionId": "reply_to_group_id",
}
_ALL_FIELDS = FIELDS | {"ContentType": "content_type", "UserId": "user_id"}


class AmqpProperties:
    """The broker's PropertyCodec."""

    def read(self, draft: Draft) -> MessageProperties:
        properties = sections.split(draft.content).properties
        system = {name: getattr(properties, field) for name, field in _ALL_FIELDS.items()}
        user = sections.application_properties(draft.content)
        return MessageProperties(
            {str(key): value for key, value in user.items()},
            {name: value for name, value in system.items() if value is not None},
        )

    def write(self, draft: Draft, properties: MessageProperties) -> Draft:
        """The draft with these properties, and no other application properties."""
        fields = sections.split(draft.content).properties
        for name, field in _ALL_FIELDS.items():
            value: Any = properties.system.get(name)
            if field == "content_type" and value is not None:
                value = Symbol(value)
            setattr(fields, field, value)
        content = sections.with_properties(draft.content, fields, properties.user)
        session_id = properties.system.get("SessionId")
        return replace(draft, content=content, session_id=session_id)

    def write_reason(self, draft: Draft, reason: DeadLetter) -> Draft:
        changes = dead_letter_properties(reason)
        if not changes:
            return draft
        return replace(draft, content=sections.with_application_properties(draft.content, changes))


def dead_letter_properties(dead: DeadLetter) -> dict[str, str]:
    """The application properties that tell a receiver why a message was dead-lettered."""
    reason = {"DeadLetterReason": dead.reason, "DeadLetterErrorDescription": dead.description}
    return {key: value for key, value in reason.items() if value is not None}
