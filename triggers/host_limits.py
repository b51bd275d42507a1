"""The platform's limits of a call, from host.json. In Azure too it lies beside function_app.py.

An app setting `AzureFunctionsJobHost__{path}` overrides the file, as in Azure.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from triggers import json_with_comments

log = logging.getLogger(__name__)

_TIME_SPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})(?:\.\d{1,7})?")


@dataclass(frozen=True, kw_only=True)
class HostLimits:
    """By default, and for values that can't be read, the platform's defaults."""

    #: Seconds after which a call is cut off; math.inf for never.
    function_timeout_s: float = 1800.0
    #: Attempts at a blob, before it goes to the poison queue.
    blob_attempts: int = 5

    @classmethod
    def read(cls, file: Path, env: Mapping[str, str]) -> HostLimits:
        """Faults of the file raise nothing here: the platform refuses them."""
        document: Any = None
        try:
            document = json_with_comments.parse(file.read_bytes())
        except (OSError, ValueError) as error:
            kind = type(error).__name__
            log.warning("%s can't be read, defaults are used: %s", file.name, kind)
        timeout = _value(document, env, "functionTimeout")
        attempts = str(_value(document, env, "extensions", "blobs", "poisonBlobThreshold"))
        return cls(
            function_timeout_s=_seconds(str(timeout), cls.function_timeout_s),
            blob_attempts=(attempts.isdecimal() and int(attempts)) or cls.blob_attempts,
        )


def _value(document: Any, env: Mapping[str, str], *path: str) -> Any:
    if over := env.get("__".join(("AzureFunctionsJobHost", *path))):
        return over
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _seconds(text: str, default: float) -> float:
    if text == "-1":
        return math.inf
    if not (found := _TIME_SPAN.fullmatch(text)):
        return default
    days, hours, minutes, seconds = (int(each or 0) for each in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds or default
