"""One input whose tries ran out, and what the command does with it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Literal

#: The reason of a queue message that names no blob, which nobody can send.
UNREADABLE = "unreadable"

Kind = Literal["blob", "message"]
Status = Literal["listed", "would be sent", "sent", "deleted", "replaced", "not sent"]

_MEANINGS: dict[Status, str] = {
    "deleted": "deleted since, removed from the list",
    "replaced": "replaced or sent since, removed from the list",
}


@dataclass(frozen=True, kw_only=True)
class FailedInput:
    kind: Kind
    #: Container and name of a blob, id of a message.
    name: str
    #: One word to choose by: an error's code, or the broker's reason.
    reason: str
    #: Seconds since a blob's last try, or since a message was sent.
    age_s: float
    detail: str = ""
    #: What its queue needs to send it again.
    handle: Any = field(repr=False, default=None)

    @property
    def is_unreadable(self) -> bool:
        return self.reason == UNREADABLE

    def __str__(self) -> str:
        return f"{self.kind:8}{_format_age(self.age_s):>7}  {self.reason}  {self.name}"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the command did with one input. `error` says why it was not sent."""

    input: FailedInput
    status: Status
    error: str = ""

    def as_json(self) -> dict[str, object]:
        failed = self.input
        return {
            "kind": failed.kind,
            "name": failed.name,
            "reason": failed.reason,
            "detail": failed.detail,
            "age_s": round(failed.age_s, 3),
            "status": self.status,
            "error": self.error or None,
        }

    def __str__(self) -> str:
        if self.status in ("listed", "would be sent"):
            detail = self.input.detail
            return f"{self.input}\n        {detail}" if detail else str(self.input)
        meaning = _MEANINGS.get(self.status, self.status)
        return f"{self.input}: {meaning}" + (f": {self.error}" if self.error else "")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which inputs to send: all, those with a reason, and those with a name."""

    all: bool = False
    reason: str = ""
    names: Collection[str] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.all or self.reason or self.names)

    def includes(self, failed: FailedInput) -> bool:
        return self.all or failed.reason == self.reason or failed.name in self.names


def _format_age(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
