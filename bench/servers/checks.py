"""Checks that a server gives the model's own answers, before it is measured."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from email.message import Message
from typing import Any

from bench import bodies
from bench.errors import BenchError
from bench.models import Rows, rows
from bench.servers.server import Server

#: How many rows a server must answer correctly.
CHECKED_ROWS = 20


def require_right(server: Server, estimator: Any) -> None:
    """Send each row twice, then all rows at once. Raises BenchError for a wrong answer."""
    if server.dialect is None:
        return
    drawn = rows(CHECKED_ROWS, seed=4)
    expected = estimator.predict(drawn).tolist()
    for row, answer in zip(drawn, expected, strict=True):
        for _ in range(2):
            _require(server, row.reshape(1, -1), [answer])
    _require(server, drawn, expected)


def _require(server: Server, asked: Rows, expected: list[Any]) -> None:
    predictions, headers = ask(server, asked)
    if predictions != expected:
        raise BenchError(
            f"wrong answer: {str(predictions)[:80]}, the model says {str(expected)[:80]}"
        )
    if server.uncached and headers.get("x-cache") in ("hit", "joined"):
        raise BenchError("answers from a cache that is meant to be off")


def ask(server: Server, asked: Rows) -> tuple[list[Any], Message]:
    """The server's predictions and its headers. Raises BenchError."""
    assert server.dialect is not None  # noqa: S101 - limits are not asked to score
    body = server.dialect.write(bodies.plain(asked)).encode()
    request = urllib.request.Request(
        server.url + server.dialect.path, body, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return server.dialect.read(json.loads(response.read())), response.headers
    except urllib.error.HTTPError as error:
        with error:
            raise BenchError(f"answered {error.code}: {error.read(200)!r}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BenchError(f"no usable answer: {type(error).__name__}: {error}") from error
