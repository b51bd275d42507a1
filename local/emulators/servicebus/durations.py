"""ISO 8601 durations, as Config.json has them."""

from __future__ import annotations

import re

_DURATION = re.compile(
    r"P(?:(?P<days>\d+)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_SECONDS = {"days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}


def milliseconds(text: str) -> int:
    """`PT1M30S` is 90,000. ValueError for anything else, months and years among it."""
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groupdict().values()):
        raise ValueError(f"{text!r} is not an ISO 8601 duration such as PT1M or P14D")
    parts = ((name, value) for name, value in match.groupdict().items() if value)
    return round(1000 * sum(float(value) * _SECONDS[name] for name, value in parts))
