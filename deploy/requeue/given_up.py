"""One input that was given up, as a list shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

#: The reason of what nobody can send, since it does not say what it is about.
UNREADABLE = "unreadable"

Kind = Literal["blob", "message"]


@dataclass(frozen=True, kw_only=True)
class GivenUp:
    kind: Kind
    #: Container and name of a blob, id of a message.
    name: str
    #: One word to choose by: an error's code, or the broker's reason.
    reason: str
    #: Seconds since it was given up (blob) or sent (message).
    age_s: float
    detail: str = ""
    #: What its list needs to send it round.
    handle: Any = field(repr=False, default=None)

    @property
    def is_unreadable(self) -> bool:
        return self.reason == UNREADABLE

    def __str__(self) -> str:
        return f"{self.kind:8}{_age(self.age_s):>7}  {self.reason}  {self.name}"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which of them: all, those of a reason, or those of a name."""

    all: bool = False
    reason: str = ""
    names: Sequence[str] = ()

    @property
    def is_nothing(self) -> bool:
        return not (self.all or self.reason or self.names)

    def takes(self, given_up: GivenUp) -> bool:
        return self.all or given_up.reason == self.reason or given_up.name in self.names


def _age(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
