"""What a check says: that something is fine, or what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from deploy.doctor.configured import Configured

#: Seconds for one question to one service.
DEADLINE_S = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence, of which `mend` is the part that says what to do; None where all is fine."""

    told: str
    mend: str | None = None

    def __str__(self) -> str:
        return f"fine: {self.told}" if self.mend is None else f"mend: {self.told}: {self.mend}"


#: The checks of one group. It raises anything; what it found before stands.
Check = Callable[[Configured], AsyncIterator[Finding]]

UNREAD = Finding("not checked", "first mend the settings above that it needs")
