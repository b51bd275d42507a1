"""One line when a service goes away, one when it is back, and growing pauses between."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5
MAX_PAUSE_S = 5.0


class Outage:
    """Of one service, as seen by one listener."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._pause_s = 0.0

    def __repr__(self) -> str:
        return f"<Outage of {self._service}: {'now' if self._pause_s else 'none'}>"

    def begin(self, error: BaseException) -> float:
        """Another try has failed; the seconds to wait before the next."""
        if not self._pause_s:
            log.warning(
                "%s does not answer (%s): trying again until it does",
                *(self._service, type(error).__name__),
            )
        self._pause_s = min(self._pause_s * 2 or FIRST_PAUSE_S, MAX_PAUSE_S)
        return self._pause_s

    def end(self) -> bool:
        """The service answers; whether it did not before."""
        was_away = self._pause_s > 0
        if was_away:
            log.info("%s answers again", self._service)
        self._pause_s = 0.0
        return was_away
