"""The members of a JSON object, and the elements of a list, each value as the text that it came as.

A parser would make 1.23e+22 of an integer of 23 digits. The texts are JSON that was parsed before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

_SPACE = re.compile(r"[ \t\r\n]*+")
_TEXT = r'"(?:[^"\\]++|\\.)*+"'
#: A name and a value that is no object or list.
_NAME = re.compile(rf"[ \t\r\n]*+({_TEXT})[ \t\r\n]*+:[ \t\r\n]*+")
_PLAIN = re.compile(rf'{_TEXT}|[^\s,{{}}\[\]"]++')
#: A member of an object that holds no other object and no list.
_FLAT = re.compile(rf'[{{,]\s*+({_TEXT})\s*+:\s*+({_TEXT}|[^\s,{{}}\[\]"]++)')
_DECODER = json.JSONDecoder()


def members(text: str) -> dict[str, str]:
    """The values of an object by name. Of a name that is there twice, the last one counts."""
    if text.count("{") == 1 and "[" not in text:  # the quick way for most
        return {_name(name): value for name, value in _FLAT.findall(text)}
    found: dict[str, str] = {}
    at = _skip(text, 0) + 1
    while name := _NAME.match(text, at):
        end = _end(text, name.end())
        found[_name(name[1])] = text[name.end() : end]
        at = _skip(text, end) + 1  # behind the comma
    return found


def elements(text: str) -> Iterator[str]:
    """The elements of a list."""
    at = _skip(text, _skip(text, 0) + 1)
    while text[at] != "]":
        end = _end(text, at)
        yield text[at:end]
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _name(text: str) -> str:
    return str(json.loads(text)) if "\\" in text else text[1:-1]


def _end(text: str, at: int) -> int:
    """Where the value ends that begins at `at`."""
    plain = _PLAIN.match(text, at)
    return plain.end() if plain else _DECODER.raw_decode(text, at)[1]


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
