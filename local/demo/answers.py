"""What answers say, and whether two say the same.

A text and a number are never the same, also where they look alike: "7" is not 7. Whole numbers, and
thus labels, agree exactly; 7 and 7.0 are one number in JSON.
"""

from __future__ import annotations

import base64
import contextlib
import json
import math
import re
from typing import Any

#: How much two answers to one input may differ: a batch of other rows may change the last bits.
RELATIVE, ABSOLUTE = 1e-6, 1e-9

_SUFFIX = re.compile("(_scored)+$")


def agree(
    answer: Any, expected: Any, relative: float = RELATIVE, absolute: float = ABSOLUTE
) -> bool:
    """`relative`, `absolute`: how much two numbers may differ, one of which is no whole one."""
    if _are(list, answer, expected):
        return len(answer) == len(expected) and all(
            agree(*pair, relative, absolute) for pair in zip(answer, expected, strict=True)
        )
    if _are(dict, answer, expected):
        return answer.keys() == expected.keys() and all(
            agree(answer[name], value, relative, absolute) for name, value in expected.items()
        )
    if {type(answer), type(expected)} in ({float}, {float, int}):
        return math.isclose(answer, expected, rel_tol=relative, abs_tol=absolute)
    return type(answer) is type(expected) and bool(answer == expected)


def read(body: bytes, content_type: str) -> Any:
    """A body as a result document shows it: JSON as it is, a text, or bytes in base64."""
    kind = content_type.partition(";")[0].strip().lower()
    with contextlib.suppress(ValueError):  # not what its type says
        if kind == "application/json":
            return json.loads(body)
        if kind.startswith("text/"):
            return body.decode()
    return {"content_type": content_type, "base64": base64.b64encode(body).decode()}


def predictions_of(output: bytes, column: str) -> list[Any]:
    """The prediction in each of a blob's scored JSON lines. `column`: its name."""
    return [_prediction_of(json.loads(line), column) for line in output.splitlines()]


def brief(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _prediction_of(line: dict[str, Any], column: str) -> Any:
    """The values of several outputs are numbered columns.

    A name that the model's columns have already ends in `_scored`.
    """
    ours = {_SUFFIX.sub("", name): value for name, value in line.items()}
    column = _SUFFIX.sub("", column)
    if column in ours:
        return ours[column]
    several = [value for name, value in ours.items() if name.removeprefix(f"{column}_").isdecimal()]
    return several or line


def _are(kind: type, *values: Any) -> bool:
    return all(isinstance(value, kind) for value in values)
