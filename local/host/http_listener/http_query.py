"""The query of a request: its key before the caller is known, the rest of it afterwards."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote_plus

#: More arguments are refused: reading those of the longest head would hold up everybody else.
MAX_ARGUMENTS = 1000

_CODE = re.compile(r"(?:^|&)code=([^&]*)", re.IGNORECASE)


class TooManyArguments(Exception):
    """The query has more than MAX_ARGUMENTS."""


def code_of(query: str) -> str:
    """The first `code`, without reading the others; empty where there is none."""
    found = _CODE.search(query)
    return unquote_plus(found[1]) if found else ""


def dict_of(query: str) -> dict[str, str]:
    """All as the real host gives them: values of one name joined, empty ones dropped.

    Raises TooManyArguments.
    """
    if not query:
        return {}
    values: dict[str, list[str]] = {}
    try:
        for name, value in parse_qsl(query, max_num_fields=MAX_ARGUMENTS):
            values.setdefault(name, []).append(value)
    except ValueError as error:
        raise TooManyArguments from error
    return {name: ",".join(several) for name, several in values.items()}
