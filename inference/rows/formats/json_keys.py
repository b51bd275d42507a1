"""Names that stand twice in one JSON object. Parsers keep the last value and say nothing."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import simdjson

#: NumPy counts frequent bytes of longer texts faster.
_SHORT_BYTES = 8 * 1024
#: The end of every name in an object. A text may hold it too.
_NAME_END = re.compile(rb'"[ \t\r\n]*+:')


def may_repeat(text: bytes, names: int) -> bool:
    """Whether a JSON text may have more names in its objects than the `names` that were parsed."""
    return count_byte(text, b":") > names and len(_NAME_END.findall(text)) > names


def count_byte(text: bytes, byte: bytes) -> int:
    if len(text) < _SHORT_BYTES:
        return text.count(byte)
    return int(np.count_nonzero(np.frombuffer(text, np.uint8) == byte[0]))


def count_names(items: Sequence[Any]) -> int:
    """How many names the objects in a parsed list have together."""
    kinds = set(map(type, items))
    if kinds == {dict}:
        return sum(map(len, items))
    return sum(len(item) for item in items if type(item) is dict) if dict in kinds else 0


def repeated_keys(text: bytes, items: Sequence[Any]) -> dict[int, list[str]]:
    """The names that stand twice in one of the objects in a list, by the object's position.

    `text`: the list as JSON. `items`: its elements, parsed.
    """
    if not may_repeat(text, count_names(items)):
        return {}
    try:
        return _repeated(text, items)
    except (ValueError, RuntimeError):  # for example integers beyond 64 bits
        return _repeated_slowly(text)


def twice(names: Iterable[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]


def _repeated(text: bytes, items: Sequence[Any]) -> dict[int, list[str]]:
    elements: Any = simdjson.Parser().parse(text)
    return {
        index: twice(element.keys())
        for index, (element, item) in enumerate(zip(elements, items, strict=True))
        if isinstance(item, dict) and len(element) > len(item)
    }


class _Pairs(list[tuple[str, Any]]):
    """An object's names and values."""


def _repeated_slowly(text: bytes) -> dict[int, list[str]]:
    try:
        elements = json.loads(text, object_pairs_hook=_Pairs)
    except RecursionError:
        return {}
    found = {
        index: twice(name for name, _ in element)
        for index, element in enumerate(elements)
        if isinstance(element, _Pairs)
    }
    return {index: names for index, names in found.items() if names}
