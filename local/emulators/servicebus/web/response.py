"""What a part of the HTTP server answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from local.emulators.servicebus.admin import atom


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def entry(cls, status: int, entry: atom.Entry, now_ms: int) -> Response:
        return cls(status, atom.write_entry(entry, now_ms), {"content-type": atom.CONTENT_TYPE})
