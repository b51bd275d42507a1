"""What the platform does with a call: host.json, which lies beside function_app.py in Azure too.

An app setting `AzureFunctionsJobHost__{path}` wins over the file, as in Azure.
"""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

_TIME_SPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})(?:\.\d{1,7})?")


@dataclass(frozen=True, kw_only=True)
class HostLimits:
    """The platform's defaults where nothing else is said, or nothing that can be read."""

    #: Seconds after which a call is cut off; math.inf for never.
    function_timeout_s: float = 1800.0
    #: Tries of a blob, before it goes to the poison queue.
    blob_attempts: int = 5

    @classmethod
    def read(cls, file: Path, env: Mapping[str, str]) -> HostLimits:
        """What is wrong in the file is for the host to refuse."""
        document: Any = None
        try:
            document = json.loads(file.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError) as error:
            log.warning("%s: %s; its defaults are taken", file.name, type(error).__name__)
        timeout = _told(document, env, "functionTimeout")
        tries = str(_told(document, env, "extensions", "blobs", "poisonBlobThreshold"))
        return cls(
            function_timeout_s=_seconds(str(timeout), cls.function_timeout_s),
            blob_attempts=int(tries) if tries.isdecimal() and int(tries) else cls.blob_attempts,
        )


def _told(document: Any, env: Mapping[str, str], *path: str) -> Any:
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
