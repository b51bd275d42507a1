"""Query arguments as values: a GET has them instead of a body."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl


def parse(query: str) -> dict[str, Any]:
    """Each argument as its JSON value, or as text if it is not JSON; a repeated one as a list.

    `a=1&b=[1,2]&c=x&c=null` is `{"a": 1, "b": [1, 2], "c": ["x", None]}`.
    """
    found: dict[str, list[Any]] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        found.setdefault(name, []).append(_value(text))
    return {name: many[0] if len(many) == 1 else many for name, many in found.items()}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
