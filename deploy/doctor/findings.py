"""What a check reports: that something is in order, or what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from deploy.app_settings import AppSettings

#: Seconds for one request to one service.
DEADLINE_S = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact about the app. `fix` says what to do about it, and is None if all is in order."""

    message: str
    fix: str | None = None

    def __str__(self) -> str:
        return f"ok: {self.message}" if self.fix is None else f"fix: {self.message}: {self.fix}"


#: The checks of one group. It may raise anything: findings that it yielded before count.
Check = Callable[[AppSettings], AsyncIterator[Finding]]

#: Where no connection is set at all.
LOCAL = Finding(
    "no connection is set: on this machine the emulators that `make run` starts are used"
)

NOT_CHECKED = Finding("not checked", "first fix the settings above that this check needs")
