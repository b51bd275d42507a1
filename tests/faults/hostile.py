"""Hostile inputs through all three triggers: each is answered as documented, none does harm."""

from __future__ import annotations

import asyncio
import io
import json
import math
import random
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import redis

from inference.rows import media_types
from tests.faults import hostile_inputs, live_memory, stack
from tests.faults.connection import Connection, Pool, Reply, Unanswered, post
from tests.faults.hostile_requests import INFER, RAW, SCORE, Hostile, Requests
from tests.faults.outcome import Outcome, format_counts
from tests.running_app import App

HTTP, MESSAGES, BLOBS = 95_000, 4_000, 1_000
QUICK = 1_700, 250, 50
CONNECTIONS = 24
#: Seconds that an answer may take; the largest of these bodies has 200 KB.
PATIENCE_S = 30
#: Of memory in use. Answered rows that the process keeps near are part of it. Measured over HTTP:
#: 1.004 and 1.010, and 1.041 where every 100th body was kept; by messages and blobs 1.011 to 1.016.
HTTP_GROWTH, QUEUE_GROWTH = 1.02, 1.03

#: The documented statuses. 404 and 405 are the host's own answers on other routes, and 302 that
#: on /, which leads to the console.
DOCUMENTED = frozenset({200, 302, 400, 401, 404, 405, 406, 413, 415, 422, 429, 431, 503})
#: With these statuses the app itself refuses, and must say why.
EXPLAINED = frozenset({400, 406, 413, 415, 422})


@dataclass
class Tally:
    """Counts of the answers."""

    outcome: Outcome
    statuses: Counter[int] = field(default_factory=Counter)
    #: Rows and requests that were answered 200: at most so many may be stored.
    rows: int = 0
    #: Connections closed without an answer, after bytes that are not HTTP.
    closed: int = 0


def hostile(outcome: Outcome, *, quick: bool, seed: int) -> None:
    """The case."""
    http, messages, blobs = QUICK if quick else (HTTP, MESSAGES, BLOBS)
    tally = Tally(outcome)
    with (
        tempfile.TemporaryDirectory() as sockets,
        stack.running(
            CACHE_MODE="always",
            SCORING_TIMEOUT_S="10",
            PYTHONPATH=str(live_memory.IN_HOST),
            MEMORY_SOCKETS=sockets,
        ) as app,
    ):
        # Imports and one-time set-up are not growth: the first third of each kind warms up.
        warm = max(http // 3, 1_000)
        asyncio.run(_send(app, Requests(random.Random(seed)), warm, tally))
        http_before = live_memory.ask(app, sockets)
        asyncio.run(_send(app, Requests(random.Random(seed + 1)), http - warm, tally))
        http_after = live_memory.ask(app, sockets)
        _check_stored(app, tally)
        some = messages // 3, blobs // 3
        _by_queue_and_storage(app, outcome, seed, 1, *some)
        queue_before = live_memory.ask(app, sockets)
        rest = messages - some[0], blobs - some[1]
        _by_queue_and_storage(app, outcome, seed, 2, *rest)
        queue_after = live_memory.ask(app, sockets)
        _check_alive(app, outcome)
    outcome.tried = f"{http:,} requests, {messages:,} messages, {blobs:,} blobs"
    outcome.figure(format_counts(tally.statuses) + f", closed: {tally.closed}")
    # The quick form sends too few to import each reader and fill each buffer first.
    over_http, by_queue = (math.inf, math.inf) if quick else (HTTP_GROWTH, QUEUE_GROWTH)
    live_memory.check(outcome, "over HTTP", http_before, http_after, over_http)
    live_memory.check(outcome, "by messages and blobs", queue_before, queue_after, by_queue)


def _by_queue_and_storage(
    app: App, outcome: Outcome, seed: int, turn: int, messages: int, blobs: int
) -> None:
    """Send so many of each."""
    hostile_inputs.through_queue_and_storage(
        app, outcome, random.Random(f"{seed}-{turn}"), turn=turn, messages=messages, blobs=blobs
    )


async def _send(app: App, requests: Requests, count: int, tally: Tally) -> None:
    """Send `count` requests."""
    pool = Pool(stack.address(app))
    left = iter(range(count))

    async def client() -> None:
        for _ in left:
            await _try(app, pool, requests.draw(), tally)

    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
    pool.close()


async def _try(app: App, pool: Pool, hostile: Hostile, tally: Tally) -> None:
    try:
        if hostile.sort == RAW:
            connection = await Connection.to(stack.address(app))
            reply = await connection.ask_rudely(hostile.content, timeout_s=PATIENCE_S)
        else:
            reply = await pool.ask(hostile.content, timeout_s=PATIENCE_S)
    except (Unanswered, OSError) as error:
        tally.outcome.lose(f"{error}: {hostile.content[:300]!r}", "unanswered")
        return
    if reply is None:
        tally.closed += 1
    else:
        _check(hostile, reply, tally)


def _check(hostile: Hostile, reply: Reply, tally: Tally) -> None:
    tally.statuses[reply.status] += 1
    asked = f"{reply.status} {reply.body[:200]!r} to {hostile.content[:600]!r}"
    if reply.status not in DOCUMENTED:
        tally.outcome.fault(asked, f"answered {reply.status} {_message(reply)}".rstrip())
    elif reply.status in (429, 503) and "retry-after" not in reply.headers:
        tally.outcome.fault(asked, "a refusal without Retry-After")
    elif hostile.sort in (SCORE, INFER):
        if reply.status == 200:
            _count_rows(reply, tally, asked)
        elif reply.status in EXPLAINED and not _explains(reply, hostile.sort):
            tally.outcome.fault(asked, "a refusal that does not say why")


def _message(reply: Reply) -> str:
    try:
        error = reply.json()["error"]
        return str(error if isinstance(error, str) else error["message"])[:60]
    except (ValueError, KeyError, TypeError):
        return ""


def _explains(reply: Reply, sort: str) -> bool:
    try:
        error = reply.json()["error"]
        message = error if sort == INFER else error["message"]
        named = sort == INFER or (error["code"] and error["request_id"])
    except (ValueError, KeyError, TypeError):
        return False
    return bool(message) and bool(named) and "Traceback" not in message and ".py" not in message


def _count_rows(reply: Reply, tally: Tally, asked: str) -> None:
    try:
        tally.rows += 1 + _ROWS[reply.headers.get("content-type", "").partition(";")[0]](reply.body)
    except (ValueError, KeyError, TypeError, pa.ArrowException) as error:
        tally.outcome.fault(f"{error!r}: {asked}", "an answer that can't be read")


def _rows_of_json(body: bytes) -> int:
    document = orjson.loads(body)
    return len(document) if isinstance(document, list) else int(document["outputs"][0]["shape"][0])


_ROWS: dict[str, Callable[[bytes], int]] = {
    media_types.JSON: _rows_of_json,
    media_types.JSON_LINES: lambda body: body.count(b"\n") + 1,
    media_types.CSV: lambda body: body.count(b"\n"),
    media_types.NPY: lambda body: len(np.load(io.BytesIO(body))),
    media_types.PARQUET: lambda body: len(pq.read_table(io.BytesIO(body))),
    media_types.ARROW: lambda body: len(pa.ipc.open_stream(body).read_all()),
    media_types.ARROW_FILE: lambda body: len(pa.ipc.open_file(body).read_all()),
    "application/octet-stream": lambda body: 100,  # V2's tensors: more than any of these has
}


def _check_stored(app: App, tally: Tally) -> None:
    """Nothing of a refused request is stored: there are no more rows than were answered."""
    with redis.Redis.from_url(app.redis.url) as client:
        kept = Counter(key.split(b":")[1] for key in client.scan_iter("triscore:*", count=1000))
    rows = kept[b"p"] + kept[b"w"]
    tally.outcome.figure(f"stored {rows:,} of {tally.rows:,} answered")
    tally.outcome.require(rows <= tally.rows, "something of a refused request is stored")
    tally.outcome.require(kept[b"r"] == 0, "a result is stored for no request")
    tally.outcome.require(kept[b"l"] == 0, "a lease is left behind")


def _check_alive(app: App, outcome: Outcome) -> None:
    async def ask() -> Reply:
        connection = await Connection.to(stack.address(app))
        reply = await connection.ask(post(b"[[1,1,1]]"), timeout_s=5)
        connection.close()
        return reply

    reply = asyncio.run(ask())
    right = (reply.status, json.loads(reply.body)) == (200, [1])
    outcome.require(right, "afterwards a good row is refused")
