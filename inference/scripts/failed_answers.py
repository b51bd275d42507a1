"""Answers with which a script reports an error of its own instead of raising it.

Many scripts written for Azure ML catch all exceptions and answer `{"error": …}`. Such an answer is
sent, and not cached: the next request may succeed. A script decides for itself with
`is_failure(answer)`, which gets what `run` returned (with `rows_independent`, the answer to a row).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

#: Says whether an answer reports an error.
FailureCheck = Callable[[Any], bool]

#: The name of a script's own check.
CHECK = "is_failure"
#: The script's `cacheable = False` says that no answer is cached.
CACHEABLE = "cacheable"

_NAME = "error"
#: Longer texts are judged by their beginning.
_MAX_TEXT = 64 * 1024
_BEGINNING = re.compile(r'\s*[\[(]?\s*\{\s*"error"\s*:', re.IGNORECASE)


def reports_error(answer: object) -> bool:
    """Whether an answer, or an item of it, is an object with an `error`; also as a text of JSON."""
    if isinstance(answer, str | bytes | bytearray):
        return _is_error_text(answer)
    if isinstance(answer, list | tuple):
        return any(isinstance(item, Mapping) and _is_error(item) for item in answer)
    return isinstance(answer, Mapping) and _is_error(answer)


def _is_error(answer: Mapping[Any, Any]) -> bool:
    """Beside other names, `error` must hold a text, true, a list or an object: a number may be a
    model's error of measurement, and null or an empty value means that there was none.
    """
    for name, value in answer.items():
        if isinstance(name, str) and name.lower() == _NAME:
            number = isinstance(value, int | float) and value is not True
            return len(answer) == 1 or not (number or value is None or _is_empty(value))
    return False


def _is_empty(value: object) -> bool:
    return isinstance(value, str | bytes | list | tuple | Mapping) and not value


def _is_error_text(answer: str | bytes | bytearray) -> bool:
    text = answer if isinstance(answer, str) else bytes(answer).decode(errors="replace")
    if len(text) > _MAX_TEXT:
        return _BEGINNING.match(text) is not None
    if _NAME not in text.lower():
        return False
    try:
        value = orjson.loads(text)
    except ValueError:
        return False
    return not isinstance(value, str) and reports_error(value)
