"""Operators of SQL expressions. None is SQL's NULL, and the unknown truth value.

A comparison or a calculation with NULL, or of types that do not fit, is NULL.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from typing import Any

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
COMPARISONS = tuple(_COMPARISONS)


def compare(sign: str, left: Any, right: Any) -> bool | None:
    if left is None or right is None or not _comparable(left, right):
        return None
    return _COMPARISONS[sign](left, right)


def calculate(sign: str, left: Any, right: Any) -> Any:
    if sign == "+" and isinstance(left, str) and isinstance(right, str):
        return left + right
    if not (_is_number(left) and _is_number(right)):
        return None
    if sign in {"/", "%"}:
        return _divide(sign, left, right)
    return {"+": operator.add, "-": operator.sub, "*": operator.mul}[sign](left, right)


def negate(value: Any) -> Any:
    return -value if _is_number(value) else None


def contains(value: Any, options: Iterable[Any]) -> bool | None:
    """SQL's IN."""
    found: bool | None = False
    for option in options:
        equal = compare("=", value, option)
        if equal:
            return True
        if equal is None:
            found = None
    return found


def matches(value: Any, pattern: Any, escape: Any) -> bool | None:
    """SQL's LIKE: `%` stands for any text, `_` for one character."""
    if not isinstance(value, str) or not isinstance(pattern, str):
        return None
    return re.fullmatch(_like(pattern, escape), value, re.DOTALL | re.IGNORECASE) is not None


def both(left: bool | None, right: bool | None) -> bool | None:
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def either(left: bool | None, right: bool | None) -> bool | None:
    if left is True or right is True:
        return True
    return None if left is None or right is None else False


def inverse(value: bool | None) -> bool | None:
    return None if value is None else not value


def _like(pattern: str, escape: Any) -> str:
    """Each text between two `%` is matched where it comes first, and not tried further behind."""
    pieces, escaped = [""], False
    for character in pattern:
        if escaped or character not in {"%", "_", escape}:
            pieces[-1] += re.escape(character)
            escaped = False
        elif character == escape:
            escaped = True
        elif character == "%":
            pieces.append("")
        else:
            pieces[-1] += "."
    first, *middle = pieces
    last = [f".*{middle.pop()}"] if middle else []
    return "".join([first, *(f"(?>.*?{piece})" for piece in middle if piece), *last])


def _divide(sign: str, left: Any, right: Any) -> Any:
    if right == 0:
        return None
    if isinstance(left, int) and isinstance(right, int):
        # C# rounds towards zero, and the rest has the dividend's sign.
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return quotient if sign == "/" else left - right * quotient
    return left / right if sign == "/" else left - right * int(left / right)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _comparable(left: Any, right: Any) -> bool:
    return (_is_number(left) and _is_number(right)) or (
        (isinstance(left, type(right)) or isinstance(right, type(left)))
        and isinstance(left, bool) == isinstance(right, bool)
    )
