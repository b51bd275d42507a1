"""This program's own faults: the log says where, the caller that it was not the request."""

from __future__ import annotations

import logging
from types import TracebackType

from inference import frames
from inference.errors import InternalError, ScoringError


class Named:
    """Nothing but a ScoringError leaves the block. Raises InternalError for what is none.

    Every request passes through one, so that it is no generator: 0.2 us in place of 1.1.
    """

    __slots__ = ("_log",)

    def __init__(self, log: logging.Logger) -> None:
        self._log = log

    def __enter__(self) -> None: ...

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and not isinstance(error, ScoringError):
            self._log.error("%s at %s", type(error).__name__, frames.where(error))
            raise InternalError(type(error).__name__) from error
