"""What a function returned, as an HTTP response, by the real host's rules."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from email.utils import formatdate
from functools import lru_cache
from typing import NamedTuple

from local.host.app.bindings import Function
from local.host.app.protos import Message, RpcHttpCookie, TypedData
from local.host.app.runtime import Outcome, current_invocation_id

log = logging.getLogger(__name__)

_BODILESS = frozenset({204, 304})

_SAME_SITE = {
    RpcHttpCookie.SameSite.Lax: "Lax",
    RpcHttpCookie.SameSite.Strict: "Strict",
    RpcHttpCookie.SameSite.ExplicitNone: "None",
}

#: What a function may return: 1xx are no final responses, and HTTP defines nothing above 599.
_STATUSES = range(200, 600)

#: Set by the host or by uvicorn; a function's own values are dropped.
_RESERVED_HEADERS = frozenset({b"content-length", b"transfer-encoding", b"connection"})

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

Headers = tuple[tuple[bytes, bytes], ...]


class Response(NamedTuple):
    status: int
    headers: Headers = ((b"content-length", b"0"),)
    body: bytes = b""


FAILED = Response(500)


class InvalidResponse(Exception):
    """HTTP cannot carry this status or header."""


def from_outcome(function: Function, outcome: Outcome) -> Response:
    """204 for a function without an HTTP output, 500 for a response that HTTP cannot carry."""
    if function.http_output is None:
        return Response(204, ())
    try:
        return _from_value(outcome.get(function.http_output))
    except InvalidResponse as error:
        log.error(
            "function %s failed: its response has an invalid %s (invocation %s)",
            *(function.name, error, current_invocation_id()),
        )
        return FAILED


def _from_value(value: TypedData | None) -> Response:
    if value is None:
        return FAILED
    match value.WhichOneof("data"):
        case "http":
            return _from_http(value.http)
        case "string":
            return _from_text(value.string)
        case "json":
            return _response(200, {"content-type": "application/json"}, value.json.encode())
        case "bytes":
            return _response(200, {"content-type": "application/octet-stream"}, value.bytes)
    return FAILED


def _from_http(http: Message) -> Response:
    response = _response(int(http.status_code), http.headers, http.body.bytes or b"")
    cookies = [_encode_value("set-cookie", _cookie(cookie)) for cookie in http.cookies or ()]
    if not cookies:
        return response
    sent = ((b"set-cookie", cookie) for cookie in cookies)
    return response._replace(headers=(*response.headers, *sent))


def _from_text(text: str) -> Response:
    """A text body, unless the text is a JSON object with a `body`: that describes a response."""
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict) or "body" not in parsed:
        return _response(200, {"content-type": "text/plain; charset=utf-8"}, text.encode())
    body = parsed["body"]
    headers = {
        str(name).lower(): str(value) for name, value in (parsed.get("headers") or {}).items()
    }
    if isinstance(body, str):
        headers.setdefault("content-type", "text/plain; charset=utf-8")
    else:
        body = json.dumps(body)
        headers.setdefault("content-type", "application/json; charset=utf-8")
    status = int(parsed.get("statusCode") or parsed.get("status") or 200)
    return _response(status, headers, body.encode())


def _response(status: int, headers: Mapping[str, str], body: bytes) -> Response:
    if status not in _STATUSES:
        raise InvalidResponse(f"status {status}")
    sent = tuple(
        [
            (encoded, _encode_value(name, value))
            for name, value in headers.items()
            if (encoded := _encode_name(name)) not in _RESERVED_HEADERS
        ]
    )
    if status in _BODILESS:
        return Response(status, sent)
    return Response(status, (*sent, (b"content-length", b"%d" % len(body))), body)


def _encode_value(name: str, value: str) -> bytes:
    # isprintable() takes 30 ns, the search 300.
    if not value.isprintable() and _CONTROL.search(value):
        raise InvalidResponse(f"header {name}")
    return value.encode("latin-1", "replace")


@lru_cache(256)
def _encode_name(name: str) -> bytes:
    if not _TOKEN.fullmatch(name):
        raise InvalidResponse(f"header {name!r}")
    return name.lower().encode()


def _cookie(cookie: Message) -> str:
    return "; ".join((f"{cookie.name}={cookie.value}", *_cookie_attributes(cookie)))


def _cookie_attributes(cookie: Message) -> Iterator[str]:
    # http.cookies would escape values and refuse names that Azure sends unchanged.
    for label, nullable in (("Domain", cookie.domain), ("Path", cookie.path)):
        if nullable is not None and nullable.value:
            yield f"{label}={nullable.value}"
    if cookie.max_age is not None:
        yield f"Max-Age={int(cookie.max_age.value)}"
    if cookie.expires is not None:
        yield f"Expires={formatdate(cookie.expires.value.seconds, usegmt=True)}"
    for label, flag in (("Secure", cookie.secure), ("HttpOnly", cookie.http_only)):
        if flag is not None and flag.value:
            yield label
    if same_site := _SAME_SITE.get(cookie.same_site):
        yield f"SameSite={same_site}"
