"""Requests around hostile bodies: odd headers, paths and queries, and bytes that are not HTTP."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.faults.connection import post
from tests.faults.hostile_bodies import Bodies, Body

SCORE, INFER, OTHER, RAW = "score", "V2", "other routes", "not HTTP"


@dataclass(frozen=True)
class Hostile:
    """Bytes to send, and their sort."""

    sort: str
    content: bytes


class Requests:
    """Draws hostile requests without end."""

    def __init__(self, random_: random.Random) -> None:
        self._random = random_
        self._bodies = Bodies(random_)

    def draw(self) -> Hostile:
        sort = self._random.choices((SCORE, INFER, OTHER, RAW), (16, 4, 1, 1))[0]
        if sort == SCORE:
            body = self._bodies.draw()
            return Hostile(sort, self._post(body, "/api/score" + self._query()))
        if sort == INFER:
            return Hostile(sort, self._post(self._bodies.draw_v2(), "/api/v2/models/sum/infer"))
        if sort == OTHER:
            return Hostile(sort, self._other())
        return Hostile(sort, self._raw())

    def _post(self, body: Body, path: str) -> bytes:
        headers = {"content-encoding": body.encoding}
        if body.json_bytes:
            headers["inference-header-content-length"] = body.json_bytes
        if self._random.random() < 0.2:
            name, value = self._random.choice(_HEADERS)
            headers[name] = value
        return post(body.content, body.kind, path=path, headers=headers)

    def _query(self) -> str:
        return self._random.choice(_QUERIES) if self._random.random() < 0.05 else ""

    def _other(self) -> bytes:
        method = self._random.choice(("GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"))
        path = self._random.choice(_PATHS)
        return f"{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n".encode()

    def _raw(self) -> bytes:
        good = post(b"[[1,1,1e999]]")
        return self._random.choice(
            (
                lambda: self._random.choice(_RAW),
                lambda: self._bodies.damage(good[: good.index(b"\r\n\r\n")]) + b"\r\n\r\n",
            )
        )()


#: None asks for an asynchronous answer, which would store something.
_HEADERS = (
    ("accept", "application/x-npy"),
    ("accept", "text/csv;q=x, */*;q=-1"),
    ("accept", "," * 5000),
    ("accept", "image/png"),
    ("accept", "application/vnd.apache.parquet"),
    ("cache-control", "no-cache, no-cache=" + "x" * 500),
    ("x-request-id", "x" * 101),
    ("x-request-id", "\xe9;drop"),
    ("x-request-id", "../../etc"),
    ("x-ms-client-request-id", "y" * 5000),
    ("prefer", "respond-asyn"),
    ("expect", "100-continue"),
    ("x-forwarded-for", "1" * 3000),
    ("traceparent", "00-zz"),
    ("inference-header-content-length", "-5"),
    ("inference-header-content-length", "9" * 30),
    ("content-type", "text/csv; charset=utf-16; header=" + "x" * 2000),
    ("content-type", "multipart/form-data; boundary="),
    ("content-type", ";" * 3000),
)

_QUERIES = (
    "?" + "a=1&" * 900,
    "?code=x&code=y",
    "?%00=%ff",
    "?" + "%" * 500,
    "?a[]=1;b=2",
    "?" + "x" * 4000,
)

_PATHS = (
    "/api/results/",
    "/api/results/%00",
    "/api/results/" + "x" * 5000,
    "/api/results/%2e%2e%2f%2e%2e",
    "/api/results/\xed",
    "/api/v2/models/nobody",
    "/api/v2/models/sum/versions/%ff/infer",
    "/api/v2/models/sum/versions/99",
    "/api/v2",
    "/api/score/more",
    "/api/swagger.json?version=9",
    "/api/swagger.json?version=" + "9" * 5000,
    "/api/openapi.json?x=" + "%" * 99,
    "/api//score",
    "/api/%73core",
    "//api/score",
    "/admin/host/ping",
    "/admin/functions",
    "/",
    "*",
    "http://elsewhere/api/score",
)

_POST = b"POST /api/score HTTP/1.1\r\n"

_RAW = (
    b"\r\n\r\n",
    b"HEAD /api/score HTTP/1.1\r\nhost: a\r\n\r\n",
    b"GET\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200) + b"\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    _POST + b"host: a\r\ncontent-length: -1\r\n\r\n",
    _POST + b"host: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nxxxxx",
    _POST + b"host: a\r\ncontent-length: 5, 5\r\n\r\nxxxxx",
    _POST + b"host: a\r\ncontent-length: 99999999999999999999\r\n\r\n",
    _POST + b"host: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n\r\n",
    _POST + b"host: a\r\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n",
    _POST + b"host: a\r\ntransfer-encoding: identity\r\ncontent-length: 2\r\n\r\n[]",
    _POST + b"host: a\r\ntransfer-encoding: x\r\n\r\n",
    b"POST /api/score HTTP/9.9\r\nhost: a\r\n\r\n",
    _POST + b"host : a\r\n\r\n",
    _POST + b": a\r\n\r\n",
    _POST + b"host: a\r\n continued: b\r\n\r\n",
    _POST + b"host: a\x00b\r\n\r\n",
    _POST + b"\r\n",
    _POST + b"host: a\r\nhost: b\r\n\r\n",
    b"POST /api/score HTTP/1.1\nhost: a\n\n",
    _POST + b"host: a\r\n" + b"a: b\r\n" * 3000 + b"\r\n",
    _POST + b"host: a\r\na: " + b"b" * 100_000 + b"\r\n\r\n",
    b"A" * 100_000 + b"\r\n\r\n",
    b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n",
    _POST + b"host: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
)
