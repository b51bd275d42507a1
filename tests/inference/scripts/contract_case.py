"""A case: a script, a request, and the answers of this app and of Azure ML's own server."""

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
    #: A JSON value, bytes of another type, or a part of an error's message.
    content: Any
    peer: Any = None
    kind: str = ""
    #: The query of a GET; None for a POST.
    query: str | None = None
    own: str = ""
    answer_type: str = JSON
    own_answer: str | None = None
    request_id: str = ""

    @property
    def method(self) -> str:
        return "POST" if self.query is None else "GET"

    def headers(self) -> dict[str, str]:
        headers = {
            "host": "localhost",
            "content-type": self.kind,
            "x-own": self.own,
            "x-request-id": self.request_id,
        }
        return {name: value for name, value in headers.items() if value}

    @property
    def refused(self) -> bool:
        """Whether the answer is an error document, which no script makes."""
        return self.status >= 400 and self.answer_type == JSON

    @property
    def starts(self) -> bool:
        return not (self.refused and self.status == 503)

    @property
    def run_failed(self) -> bool:
        """Whether the answer has the header of a failed script."""
        return self.status == 500 or (self.status == 503 and self.starts)

    def compared_part(self, document: Any) -> Any:
        """The part of this app's answer that `content` is compared with: `content` itself, if the
        message of a refusal holds it.
        """
        if not self.refused:
            return document
        message: str = document["error"]["message"]
        return self.content if self.content in message else message

    def __str__(self) -> str:
        return f"{self.script}-{self.body[:24]!r}-{self.query}-{self.kind}{self.request_id[99:]}"
