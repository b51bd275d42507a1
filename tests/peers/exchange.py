"""Sends the contract cases over HTTP, to either server."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from tests.inference.scripts.contract_case import JSON, Case

#: Seconds; longer than any deadline of the cases.
PATIENCE_S = 30


@dataclass(frozen=True)
class Reply:
    """A response."""

    status: int
    headers: Message
    body: bytes

    @property
    def type(self) -> str | None:
        return self.headers["content-type"]

    @property
    def content(self) -> Any:
        """The JSON value, or the bytes of any other type."""
        return json.loads(self.body) if self.type == JSON else self.body

    @property
    def own(self) -> str | None:
        """The header that only scripts set; one that recurs is the same as a list."""
        return ", ".join(self.headers.get_all("x-own", [])) or None


def ask(url: str, case: Case) -> Reply:
    """Send a case's request, with no header added but the body's length."""
    query = "" if case.query is None else f"?{quote(case.query, safe='=&')}"
    return _exchange(case.method, url + query, case.body, case.headers())


def look(url: str) -> Reply:
    """GET an address."""
    return _exchange("GET", url, None, {})


def _exchange(method: str, url: str, body: bytes | None, headers: dict[str, str]) -> Reply:
    place = urlsplit(url)
    assert place.hostname is not None
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=PATIENCE_S)
    try:
        target = urlunsplit(("", "", place.path or "/", place.query, ""))
        connection.request(method, target, body, headers)
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read())
    finally:
        connection.close()
