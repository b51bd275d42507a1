"""Reads the JSON of host.json and local.settings.json as Core Tools and the Functions host do.

Their reader (Newtonsoft.Json) takes comments, a comma after the last value, single quotes, line
breaks in texts, and UTF-8, UTF-16 or UTF-32 by the byte order mark.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any


def parse(data: bytes, *, number: Callable[[str], Any] | None = None) -> Any:
    """The document. `number` makes a number's value from its text. Raises ValueError."""
    text = data.decode(json.detect_encoding(data))
    try:
        return json.loads(text, strict=False, parse_int=number, parse_float=number)
    except ValueError:
        import json5  # noqa: PLC0415 - takes 40 ms, and few files need it

        try:
            return json5.loads(text, strict=False, parse_int=number, parse_float=number)
        except ValueError as error:
            raise ValueError(str(error).replace("<string>:", "line ")) from None
