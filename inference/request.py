"""What every trigger hands to the core, and what it gets back."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal, NamedTuple, Self

from inference.errors import ScriptFailed

Source = Literal["http", "blob", "servicebus"]
CacheStatus = Literal["hit", "miss", "joined", "bypass"]

#: How much of a script's own error response goes into a result document.
MAX_ERROR_BYTES = 500

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(kw_only=True, slots=True)
class Request:
    """A body and what its trigger knows about it. Read-only, though not frozen: that would double
    the time to make one.
    """

    id: str
    source: Source
    body: bytes
    #: If empty, the format is detected from the body.
    content_type: str = ""
    accept: str = ""
    #: Of HTTP; POST for messages and blobs.
    method: str = "POST"
    #: Of HTTP, as sent, without the question mark.
    query: str = ""
    #: By lower-case name.
    headers: Mapping[str, str] = field(default=_NO_HEADERS)
    #: Fields that the result document repeats: of a message, its own and its sender's ids.
    references: Mapping[str, str] = field(default=_NO_HEADERS)
    #: Whether to make a new prediction, which replaces the stored one.
    recompute: bool = False
    #: time.monotonic() when the request must have ended; math.inf if nobody waits for a response.
    #: None: SCORING_TIMEOUT_S after the core gets it.
    deadline: float | None = None
    #: time.perf_counter() when the trigger got it.
    began: float = field(default_factory=time.perf_counter)
    #: time.time() of arrival. Of a request that HTTP enqueued, its arrival there.
    received_at: float = field(default_factory=time.time)

    @property
    def patient(self) -> bool:
        """Whether it may wait without a limit."""
        return self.deadline == math.inf

    def with_body(self, body: bytes) -> Request:
        return replace(self, body=body)

    def with_content_type(self, content_type: str) -> Request:
        return replace(self, content_type=content_type)


class Answer(NamedTuple):
    """The bytes that answer a request, and where they came from.

    `status` and `headers` are those of the script, if it made the response itself.
    """

    body: bytes
    content_type: str
    cache: CacheStatus
    #: Milliseconds in the core, waiting included.
    elapsed_ms: float
    #: Seconds since the prediction was made, if it came from the cache.
    age_s: float | None = None
    status: int = 200
    #: All but the content type; lower-case names, which may repeat.
    headers: tuple[tuple[str, str], ...] = ()
    #: Whether a script made the response: its body need not be what its content type says.
    from_script: bool = False
    #: How many the request had. None if nobody counted them.
    rows: int | None = None

    def raise_for_status(self) -> Self:
        """Itself, for triggers that have no status to return.

        Raises ScriptFailed if the script returned an error status.
        """
        if self.status < 400:
            return self
        text = self.body[:MAX_ERROR_BYTES].decode(errors="replace")
        raise ScriptFailed(f"the script answered {self.status}: {text}")
