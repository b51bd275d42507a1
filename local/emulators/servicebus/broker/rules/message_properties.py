"""The properties of a message that filters read and actions change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: System properties by their name in rules; an action may change all but the last three.
SYSTEM_PROPERTIES = (
    *("MessageId", "CorrelationId", "Label", "To", "ReplyTo", "SessionId", "ReplyToSessionId"),
    *("ContentType", "UserId", "TimeToLive", "SequenceNumber"),
)
CHANGEABLE = SYSTEM_PROPERTIES[:-3]

_SYSTEM_NAMES = {name.casefold(): name for name in SYSTEM_PROPERTIES} | {
    # As AMQP and newer SDKs name it.
    "subject": "Label"
}


def system_name(name: str) -> str | None:
    """The name as SYSTEM_PROPERTIES has it; None if there is no such property."""
    return _SYSTEM_NAMES.get(name.casefold())


@dataclass(slots=True)
class MessageProperties:
    """`user` has the application properties, `system` those of SYSTEM_PROPERTIES that are set."""

    user: dict[str, Any] = field(default_factory=dict)
    system: dict[str, Any] = field(default_factory=dict)

    def get_user(self, name: str) -> Any:
        """Names are case-insensitive; None: the message has no such property."""
        if name in self.user:
            return self.user[name]
        folded = name.casefold()
        return next((value for key, value in self.user.items() if key.casefold() == folded), None)

    def get_system(self, name: str) -> Any:
        return self.system.get(name)

    def copy(self) -> MessageProperties:
        return MessageProperties(dict(self.user), dict(self.system))
