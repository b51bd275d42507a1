"""What a model or a script raises, made one error: told to the caller, located in the log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import CodeType

from inference import frames
from inference.errors import ScoringError, ScriptFailed

log = logging.getLogger(__name__)

#: Of a script's own error text, this much reaches the caller.
MAX_ERROR_TEXT = 500


def guard[T](call: Callable[[], T]) -> T:
    """Call a script. Raises ScriptFailed for all it raises, sys.exit() included.

    The log says where, not with what: values may be payload.
    """
    try:
        return call()
    except ScoringError:
        raise
    except BaseException as error:
        log.error("the script raised %s at %s", type(error).__name__, frames.where(error))
        raise ScriptFailed(told(error)) from error


def told(error: BaseException) -> str:
    """An error's kind and, in short, its text."""
    try:
        text = str(error)[:MAX_ERROR_TEXT]
    except Exception:  # noqa: BLE001 - a class of the script's own may fail to describe itself
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def codes(error: BaseException) -> list[CodeType]:
    """The code of every frame that an error passed, outermost first."""
    passed, trace = [], error.__traceback__
    while trace is not None:
        passed.append(trace.tb_frame.f_code)
        trace = trace.tb_next
    return passed
