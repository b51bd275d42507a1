"""Reads the JSON of host.json and local.settings.json as Core Tools and the Functions host do.

Their reader (Newtonsoft.Json) takes comments, a comma after the last value, single quotes, line
breaks in texts, and UTF-8, UTF-16 or UTF-32 by the byte order mark.

triggers.json_with_comments has a copy of `parse`: the host imports none of the app's packages,
because the app that it runs brings its own. Faster parsers of JSON5 (pyjson5) don't give numbers as
they are written.
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


def parse_settings(data: bytes) -> dict[str, str]:
    """The values of a local.settings.json, as texts. Raises ValueError with what was expected.

    A null sets nothing.
    """
    document = parse(data, number=str)
    if not isinstance(document, dict):
        raise ValueError("expected an object with Values")  # noqa: TRY004 - parse's error
    document = {name.lower(): value for name, value in document.items()}  # any case is fine
    if document.get("isencrypted"):
        raise ValueError("it is encrypted: decrypt it with `func settings decrypt`")
    values = document.get("values") or {}
    if not isinstance(values, dict):
        raise ValueError("expected Values to be an object")  # noqa: TRY004 - as above
    return {name: _text(name, value) for name, value in values.items() if value is not None}


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        raise ValueError(  # noqa: TRY004 - as above
            f"Values, {name}: expected a text, a number or a boolean, got"
            f" {'a list' if isinstance(value, list) else 'an object'}"
        )
    return value
