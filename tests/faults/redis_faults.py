"""A Redis that is stopped, slow, full, read-only or overwritten with garbage."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from urllib.parse import quote

import numpy as np
import redis

from cache.keys import result_key
from tests.faults import slow_proxy, stack
from tests.faults.connection import Pool, Reply, Unanswered, get, post
from tests.faults.kills import make_containers
from tests.faults.ledger import Ledger, Rows
from tests.faults.outcome import Outcome, format_counts
from tests.faults.senders import Senders
from tests.faults.settling import settle
from tests.faults.slow_proxy import SlowProxy
from tests.running_app import App
from tests.servers import free_port

SECONDS, QUICK_SECONDS = 10.0, 1.5
CLIENTS = 12
DEADLINE_S = 5.0
GRACE = 1.1
#: Seconds of asynchronous requests before each fault.
BURST_S = 0.7
#: Seconds after a fault in which all accepted requests must have ended and health be ok again.
FOLLOW_S = 45
#: The delay of the slow Redis; CACHE_TIMEOUT_MS is 50.
DELAY_S = 0.3


@dataclass
class Asked:
    """What HTTP clients asked during a fault, and what they got."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    #: Ids that were answered 202, with what their results must be.
    later: dict[str, list[int]] = field(default_factory=dict)


def redis_faults(outcome: Outcome, *, quick: bool, seed: int) -> None:
    """The case."""
    seconds = QUICK_SECONDS if quick else SECONDS
    rows, total = Rows(seed), 0
    with contextlib.ExitStack() as block:
        app = block.enter_context(_app_behind_proxy())
        make_containers(app.app)
        for name, fault in _faults(app, random.Random(seed)).items():
            asked, ledger = Asked(), Ledger()
            with stack.inbox_of(app.app) as inbox:
                senders = Senders(app.app, ledger, rows, outcome, http=False)
                senders.start()
                # Requests accepted just before wait in the queue when the fault begins.
                asyncio.run(_ask(app.app, rows, asked, BURST_S, name, outcome, only_later=True))
                with fault():
                    asyncio.run(_ask(app.app, rows, asked, seconds, name, outcome))
                    _check_health(app.app, name, outcome)
                senders.stop()
                asyncio.run(_follow(app.app, asked, name, outcome))
                for each, expected in asked.later.items():
                    ledger.enter(each, expected, accepted=True)
                settle(app.app, inbox, ledger, outcome)
            total += len(asked.seconds)
            p99 = np.quantile(asked.seconds, 0.99) if asked.seconds else 0
            slowest = max(asked.seconds, default=0)
            outcome.figure(
                f"{name}: {format_counts(asked.statuses)}, p99 {p99 * 1000:.0f} ms, "
                f"slowest {slowest * 1000:.0f} ms, {len(ledger):,} later"
            )
    outcome.tried = f"{total:,} requests in 5 faults of {seconds:g} s"


@dataclass
class _Proxied:
    app: App
    proxy: SlowProxy


@contextlib.contextmanager
def _app_behind_proxy() -> Iterator[_Proxied]:
    with contextlib.ExitStack() as block:
        # Redis' port is chosen by the app that is made below; the proxy's target is set then.
        proxy = block.enter_context(slow_proxy.running())
        app = block.enter_context(
            stack.running(
                before_host=lambda app: proxy.aim(app.redis.port),
                CACHE_MODE="always",
                CACHE_TIMEOUT_MS="50",
                SCORING_TIMEOUT_S=f"{DEADLINE_S:g}",
                REDIS_URL=f"redis://127.0.0.1:{proxy.port}/0",
            )
        )
        yield _Proxied(app, proxy)


def _faults(
    app: _Proxied, random_: random.Random
) -> dict[str, Callable[[], AbstractContextManager[None]]]:
    return {
        "stopped": lambda: _stopped(app.app),
        "slow": lambda: _slow(app.proxy),
        "full": lambda: _full(app.app),
        "read-only": lambda: _read_only(app.app),
        "garbage": lambda: _garbage(app.app, random_),
    }


@contextlib.contextmanager
def _stopped(app: App) -> Iterator[None]:
    app.redis.pause()
    try:
        yield
    finally:
        app.redis.resume()


@contextlib.contextmanager
def _slow(proxy: SlowProxy) -> Iterator[None]:
    proxy.delay_s = DELAY_S
    try:
        yield
    finally:
        proxy.delay_s = 0.0


@contextlib.contextmanager
def _full(app: App) -> Iterator[None]:
    with redis.Redis.from_url(app.redis.url) as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 1)
        try:
            yield
        finally:
            client.config_set("maxmemory", 0)


@contextlib.contextmanager
def _read_only(app: App) -> Iterator[None]:
    with redis.Redis.from_url(app.redis.url) as client:
        client.replicaof("127.0.0.1", free_port())  # nothing listens there
        try:
            yield
        finally:
            client.replicaof("NO", "ONE")


@contextlib.contextmanager
def _garbage(app: App, random_: random.Random) -> Iterator[None]:
    """Overwrite the app's keys all the time, with other bytes or types."""
    stopping = threading.Event()

    def overwrite() -> None:
        with redis.Redis.from_url(app.redis.url) as client:
            while not stopping.wait(0.02):
                for kind in "pwl":
                    for key in client.scan_iter(f"triscore:{kind}:*", count=2000):
                        spoil(client, key, random_)

    thread = threading.Thread(target=overwrite, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(10)


def spoil(client: redis.Redis, key: bytes | str, random_: random.Random) -> None:
    """Put something else under a key."""
    client.delete(key)
    random_.choice(
        (
            lambda: client.set(key, random_.randbytes(random_.randint(0, 100))),
            lambda: client.set(key, b"\x02\x01" + random_.randbytes(40)),
            lambda: client.rpush(key, "a", "b"),
            lambda: client.hset(key, "a", "b"),
            lambda: client.zadd(key, {"a": 1}),
        )
    )()


async def _ask(
    app: App,
    rows: Rows,
    asked: Asked,
    seconds: float,
    fault: str,
    outcome: Outcome,
    *,
    only_later: bool = False,
) -> None:
    pool, until = Pool(stack.address(app)), time.monotonic() + seconds
    known: list[tuple[list[list[float]], list[int]]] = []

    async def client(number: int) -> None:
        turn = number
        while time.monotonic() < until:
            turn += 1
            if known and turn % 3 == 0:  # asked before: it may be stored
                body, expected = known[turn % len(known)]
            else:
                body, expected = rows.take(1 + turn % 4)
                known.append((body, expected))
            name = f"{fault}-{uuid.uuid4().hex}" if only_later or turn % 5 == 0 else ""
            await _ask_once(app, pool, body, expected, name, asked, outcome)

    await asyncio.gather(*map(client, range(CLIENTS)))
    pool.close()


async def _ask_once(
    app: App,
    pool: Pool,
    body: list[list[float]],
    expected: list[int],
    name: str,
    asked: Asked,
    outcome: Outcome,
) -> None:
    headers = {"prefer": "respond-async", "x-request-id": name} if name else {}
    if name.startswith("garbage"):
        with redis.Redis.from_url(app.redis.url) as client:
            spoil(client, result_key(name), random.Random(name))
    began = time.monotonic()
    try:
        reply = await pool.ask(post(json.dumps(body).encode(), headers=headers))
    except (Unanswered, OSError) as error:
        outcome.lose(f"{name or body}: {error}", "unanswered")
        return
    took = time.monotonic() - began
    asked.seconds.append(took)
    asked.statuses[reply.status] += 1
    if took > DEADLINE_S * GRACE:
        outcome.fault(f"{took:.1f} s, the deadline is {DEADLINE_S:g}", "an answer is late")
    if reply.status == 202 and name:
        asked.later[name] = expected
    elif reply.status != 200:
        outcome.fault(f"{reply.status} {reply.body[:150]!r}", f"answered {reply.status}")
    elif json.loads(reply.body) != expected:
        outcome.fault(f"{body}: {reply.body[:80]!r}", "wrong prediction")


def _check_health(app: App, fault: str, outcome: Outcome) -> None:
    """Health names the fault if it concerns Redis as a whole and not single values."""
    if fault in ("stopped", "full", "read-only"):
        ready = app.get("/api/health/ready")
        cache = ready.json()["dependencies"]["cache"]["status"]
        right = (ready.status, cache) == (200, "degraded")
        outcome.require(right, f"{fault}: health says {ready.status}, {cache}")


async def _follow(app: App, asked: Asked, fault: str, outcome: Outcome) -> None:
    """Every request that was answered 202 ends as 200, with the right result."""
    pool, until = Pool(stack.address(app)), time.monotonic() + FOLLOW_S
    open_ = dict(asked.later)
    last: dict[str, int] = {}
    while open_ and time.monotonic() < until:
        for name, expected in list(open_.items()):
            reply: Reply = await pool.ask(get(f"/api/results/{quote(name, safe='')}"))
            last[name] = reply.status
            if reply.status == 200:
                del open_[name]
                if reply.json().get("result") != expected:
                    outcome.fault(f"{name}: {reply.body[:200]!r}", "wrong result")
        await asyncio.sleep(0.2)
    pool.close()
    for name in open_:
        outcome.lose(f"{name} is {last.get(name)} at last", f"{fault}: a 202 never ended")
