"""What every door hands to the core, and what it gets back."""

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

#: Of a script's own error response, this much goes into a result document.
MAX_ERROR_BYTES = 500

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(kw_only=True, slots=True)
class Request:
    """Raw bytes and what is known about them, whichever door they came through.

    `headers` has lower-case names. `content_type` may be empty: the body then speaks for itself.
    `method` and `query` are HTTP's; bytes that came otherwise count as posted. `recompute` asks for
    a fresh prediction that replaces the stored one. `deadline` is the time.monotonic() at which
    whoever waits is told in any case; math.inf: nobody waits at the other end. Without it a request
    has SCORING_TIMEOUT_S from when the core gets it.

    Nobody changes one. To have that enforced would double what it costs to make one.
    """

    id: str
    source: Source
    body: bytes
    content_type: str = ""
    accept: str = ""
    method: str = "POST"
    #: As sent, without the question mark.
    query: str = ""
    headers: Mapping[str, str] = field(default=_NO_HEADERS)
    recompute: bool = False
    deadline: float | None = None
    #: time.time() of then.
    received_at: float = field(default_factory=time.time)

    @property
    def patient(self) -> bool:
        """Whether it may wait as long as it takes."""
        return self.deadline == math.inf

    def with_body(self, body: bytes) -> Request:
        return replace(self, body=body)

    def with_content_type(self, content_type: str) -> Request:
        return replace(self, content_type=content_type)


class Answer(NamedTuple):
    """The bytes that answer a request, and how they came about.

    `status` and `headers` are a script's own, where it made its response itself.
    """

    body: bytes
    content_type: str
    cache: CacheStatus
    #: Milliseconds that the core took, waiting included.
    elapsed_ms: float
    #: Seconds since the prediction was made; None unless it came from the cache.
    age_s: float | None = None
    status: int = 200
    #: All but the content type, lower-case; a name may recur.
    headers: tuple[tuple[str, str], ...] = ()
    #: Whether a script made the response: its bytes need not be what its type says.
    from_script: bool = False

    def raise_for_status(self) -> Self:
        """Itself, for doors that have no status to pass on.

        Raises ScriptFailed where the script answered with an error's status.
        """
        if self.status < 400:
            return self
        text = self.body[:MAX_ERROR_BYTES].decode(errors="replace")
        raise ScriptFailed(f"the script answered {self.status}: {text}")
