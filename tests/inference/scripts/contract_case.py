"""One script, one request, and what they are answered with: here and by Azure ML's own server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FAILED = "did not start"

JSON = "application/json"
HTML = "text/html; charset=utf-8"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, eq=False)
class Case:
    script: str
    body: bytes
    status: int
    #: A JSON value, bytes of another type, or what an error's message says.
    content: Any
    peer: Any = None
    kind: str = ""
    #: None posts; otherwise the query of a GET.
    query: str | None = None
    own: str = ""
    answer_type: str = JSON
    own_answer: str | None = None
    request_id: str = ""

    @property
    def method(self) -> str:
        return "POST" if self.query is None else "GET"

    def headers(self) -> dict[str, str]:
        told = {
            "host": "localhost",
            "content-type": self.kind,
            "x-own": self.own,
            "x-request-id": self.request_id,
        }
        return {name: value for name, value in told.items() if value}

    @property
    def refused(self) -> bool:
        """Whether the answer is an error document rather than anything of the script's."""
        return self.status >= 400 and self.answer_type == JSON

    @property
    def starts(self) -> bool:
        return not (self.refused and self.status == 503)

    @property
    def run_failed(self) -> bool:
        """Whether the answer's header says that the script is at fault."""
        return self.status == 500 or (self.status == 503 and self.starts)

    def told(self, document: Any) -> Any:
        """What of an answer of ours the case speaks of: of a refusal, the words in its message."""
        if not self.refused:
            return document
        message: str = document["error"]["message"]
        return self.content if self.content in message else message

    def __str__(self) -> str:
        return f"{self.script}-{self.body[:24]!r}-{self.query}-{self.kind}{self.request_id[99:]}"
