"""An ASGI request as the real host hands it to the worker library."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from local.host.app.protos import NO_TRACE, RpcHttp, RpcTraceContext, TypedData

#: Requests with more query arguments are refused: parsing those of the longest allowed head would
#: block the event loop.
MAX_ARGUMENTS = 1000

_CODE = re.compile(r"(?:^|&)code=([^&]*)", re.IGNORECASE)

_NO_BODY = TypedData()


class TooManyArguments(Exception):
    """The query has more than MAX_ARGUMENTS."""


def to_typed_data(
    scope: Mapping[str, Any],
    headers: Mapping[str, str],
    query: Mapping[str, str],
    params: Mapping[str, str],
    body: bytes,
) -> TypedData:
    """The request as an `RpcHttp`. The body is bytes; an empty one is absent."""
    host = headers.get("host") or "localhost"
    target = scope["raw_path"].decode("ascii")
    if scope["query_string"]:
        target += "?" + scope["query_string"].decode("latin-1")
    return TypedData(
        http=RpcHttp(
            method=scope["method"],
            url=f"http://{host}{target}",
            headers=headers,
            params=params,
            query=query,
            body=TypedData(bytes=body) if body else _NO_BODY,
        )
    )


def read_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Values by lower-case name. Several values of one name are joined by commas."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = _decode_name(raw_name), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def read_trace(headers: Mapping[str, str]) -> RpcTraceContext:
    """The caller's."""
    parent = headers.get("traceparent")
    return RpcTraceContext.of(parent, headers.get("tracestate", "")) if parent else NO_TRACE


def find_key(query: str) -> str:
    """The first `code` argument, found without parsing the others; empty if there is none."""
    found = _CODE.search(query) if query else None
    return unquote_plus(found[1]) if found else ""


def read_query(query: str) -> dict[str, str]:
    """All arguments, as the real host does: several values are joined, empty ones are dropped.

    Raises TooManyArguments.
    """
    if not query:
        return {}
    values: dict[str, list[str]] = {}
    try:
        for name, value in parse_qsl(query, max_num_fields=MAX_ARGUMENTS):
            values.setdefault(name, []).append(value)
    except ValueError as error:
        raise TooManyArguments from error
    return {name: ",".join(several) for name, several in values.items()}


@lru_cache(256)
def _decode_name(raw: bytes) -> str:
    return raw.decode("latin-1")
