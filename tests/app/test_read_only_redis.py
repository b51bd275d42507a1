"""A Redis that accepts no writes is reported, still read, and used fully once it accepts them."""

from __future__ import annotations

import json

import pytest
from redis import Redis

from tests.triggers.description.test_metrics import parsed
from tests.waiting import eventually

OLD, NEW = b"[[0.91, 0.9, 0.9]]", b"[[0.92, 0.9, 0.9]]"


@pytest.fixture(scope="module")
def app(make_app):
    return make_app(CACHE_MODE="always", NEAR_CACHE_BYTES="0")


def cache_of(app):
    reply = app.get("/api/health/ready")
    return reply.status, reply.json()["dependencies"]["cache"]


def test_a_redis_that_accepts_no_writes_is_reported_and_still_read(app):
    eventually(lambda: app.post(OLD).headers["x-cache"] == "hit")
    assert cache_of(app) == (200, {"status": "ok"})
    with Redis.from_url(app.redis.url) as client:
        client.replicaof("127.0.0.1", 1)
        status, cache = cache_of(app)
        assert (status, cache["status"], cache["reason"]) == (200, "degraded", "read_only")
        assert "write its primary's address" in cache["message"]
        metrics = parsed(app.get("/api/metrics").body)
        assert metrics["triscore_cache_writable"] == 0
        assert metrics['triscore_cache_degraded_info{reason="read_only"}'] == 1
        for _ in range(20):
            assert app.post(NEW).status == 200
        assert app.post(OLD).headers["x-cache"] == "hit"
        # Its result could not be stored for later, so the request is answered at once.
        reply = app.post(NEW, Prefer="respond-async")
        assert (reply.status, json.loads(reply.body)) == (200, [1])
        client.replicaof("NO", "ONE")
    eventually(lambda: app.post(NEW).headers["x-cache"] == "hit")
    eventually(lambda: cache_of(app) == (200, {"status": "ok"}))
    lines = [line for line in app.host.log().splitlines() if "writes" in line]
    assert len([line for line in lines if "answers and refuses writes" in line]) == 1
