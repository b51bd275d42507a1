"""What a span says of an error: its kind, and never a value that the request sent."""

from __future__ import annotations

from opentelemetry.trace import Span, StatusCode

from inference.errors import CallerError, ScoringError, ScriptFailed


def mark_failed(span: Span, error: BaseException) -> None:
    """Say of which kind the error is. A caller's own error is not a failure of the server.

    The text of an error may quote the request: only that of an operator's error is kept, which for
    a script's holds its text only with SHOW_SCRIPT_ERRORS.
    """
    if isinstance(error, ScoringError):
        span.set_attribute("error.type", error.code)
        if isinstance(error, CallerError):
            return
        # An error without a place is a script's own response, which may hold payload.
        from_response = isinstance(error, ScriptFailed) and not error.located
        span.set_status(StatusCode.ERROR, error.code if from_response else error.message)
    else:
        span.set_attribute("error.type", type(error).__qualname__)
        span.set_status(StatusCode.ERROR)
