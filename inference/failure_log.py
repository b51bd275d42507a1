"""How a request fails in the log: with its id, and where; never with a value that it brought."""

from __future__ import annotations

import logging

from inference.errors import (
    InternalError,
    ResultUnserialisable,
    ScoringError,
    ScoringTimeout,
    ScriptFailed,
)
from inference.tracebacks import format_error

log = logging.getLogger(__name__)


def log_failure(error: Exception, request_id: str) -> ScoringError:
    """The error that a request ends in: InternalError for what is this program's own fault.

    One line in the log where it is not its caller's to mend. What turns requests away by the
    thousand, a full line or a model that did not load, is told in health and metrics instead.
    """
    if isinstance(error, ScriptFailed):
        log.error("request %r: the script raised %s", request_id, error.located)
    elif isinstance(error, ResultUnserialisable | ScoringTimeout | InternalError):
        log.error("request %r: %s: %s", request_id, error.code, error.message)
    elif not isinstance(error, ScoringError):
        log.error("request %r: %s", request_id, format_error(error))
        return InternalError(type(error).__name__)
    return error
