"""Logs failed requests: with their id and the place of the error, never with a value they sent."""

from __future__ import annotations

import logging

from inference.errors import (
    InternalError,
    ResultUnserialisable,
    ScoringError,
    ScoringTimeout,
    ScriptFailed,
)
from inference.log_text import printable
from inference.tracebacks import format_error

log = logging.getLogger(__name__)


def log_error_answer(request_id: str) -> None:
    """Log that an entry script answered a request with an error of its own instead of raising it:
    inference.scripts.failed_answers.
    """
    log.warning(
        "request %r: the script answers with an error, which is not cached; is_failure(answer) in"
        " the script decides what is an error",
        request_id,
    )


def log_failure(error: Exception, request_id: str) -> ScoringError:
    """Log an error that the operator must look into; return what the request ends in.

    That is the error itself, or InternalError for a bug in this program. Overload and a model that
    did not load fail requests by the thousand: health and metrics show them, the log does not.
    """
    if isinstance(error, ScriptFailed):
        log.error("request %r: the script raised %s", request_id, error.located)
    elif isinstance(error, ResultUnserialisable | ScoringTimeout | InternalError):
        # With SHOW_SCRIPT_ERRORS the message may hold a script's own text.
        log.error("request %r: %s: %s", request_id, error.code, printable(error.message))
    elif not isinstance(error, ScoringError):
        log.error("request %r: %s", request_id, format_error(error))
        return InternalError(type(error).__name__)
    return error
