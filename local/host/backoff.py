"""Growing pauses while a service is away, with one log line at the start and one at the end."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5
MAX_PAUSE_S = 5.0


class Backoff:
    """For one service and one listener."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._pause_s = 0.0

    def __repr__(self) -> str:
        return f"<Backoff {self._service}: {self._pause_s:g} s>"

    def failed(self, error: BaseException) -> float:
        """Note a failed attempt. Returns the seconds to wait before the next one."""
        if not self._pause_s:
            log.warning(
                "%s does not answer (%s): retrying until it does",
                *(self._service, type(error).__name__),
            )
        self._pause_s = min(self._pause_s * 2 or FIRST_PAUSE_S, MAX_PAUSE_S)
        return self._pause_s

    def succeeded(self) -> bool:
        """Note a successful attempt. Returns whether the one before it failed."""
        was_away = self._pause_s > 0
        if was_away:
            log.info("%s answers again", self._service)
        self._pause_s = 0.0
        return was_away
