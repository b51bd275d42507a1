"""Whole answers of the last seconds: found by all that was sent, bounded in bytes and time."""

import random
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from inference.counters.counts import LookupCounts
from inference.request import Answer, Request
from inference.serving import cache_policy, response_cache
from inference.serving.cache_policy import MIN_UNITS, LookupPolicy
from inference.serving.response_cache import MAX_AGE_S, MAX_BODY_BYTES, ResponseCache
from tests.clock import Clock

ANSWER = Answer(body=b"[1]", content_type="application/json", cache="miss", elapsed_ms=1)
ASKED = Request(id="1", source="http", body=b"[[1]]", content_type="text/csv", accept="*/*")


def find(cache, key):
    return cache.find(key, began=time.perf_counter())


@pytest.fixture
def clock():
    return Clock(0.0)


def make(clock, mode="always", **options) -> ResponseCache:
    return ResponseCache(LookupPolicy(mode, LookupCounts(), keep_cost=2.0), clock=clock, **options)


@pytest.fixture
def cache(clock):
    return make(clock)


def test_an_answer_is_found_with_its_age_until_it_expires(cache, clock):
    cache.keep(cache.key(ASKED), ANSWER._replace(age_s=2.0), ttl_s=100)
    clock.now = MAX_AGE_S - 1
    found = find(cache, cache.key(replace(ASKED, id="2", source="servicebus")))
    assert found is not None
    assert found.age_s == MAX_AGE_S + 1
    clock.now = MAX_AGE_S
    assert find(cache, cache.key(ASKED)) is None


def test_an_answer_expires_with_the_prediction_it_was_made_from(cache, clock):
    cache.keep(cache.key(ASKED), ANSWER, ttl_s=1.0)
    clock.now = 1.0
    assert find(cache, cache.key(ASKED)) is None


@pytest.mark.parametrize(
    "other",
    [
        {"body": b"[[2]]"},
        {"content_type": "application/json"},
        {"accept": "text/csv"},
        {"method": "GET"},
        {"query": "a=1"},
    ],
)
def test_requests_that_differ_in_what_decides_an_answer_have_different_keys(cache, other):
    cache.keep(cache.key(ASKED), ANSWER, ttl_s=100)
    assert find(cache, cache.key(replace(ASKED, **other))) is None


def test_large_and_compressed_bodies_are_not_kept(cache):
    assert cache.key(replace(ASKED, body=bytes(MAX_BODY_BYTES + 1))) is None
    assert cache.key(replace(ASKED, headers={"content-encoding": "gzip"})) is None


def test_the_least_recently_used_answers_are_removed_first(clock):
    cache = make(clock, max_bytes=10_000)
    for number in range(100):
        cache.keep(cache.key(replace(ASKED, body=b"%d" % number)), ANSWER, ttl_s=100)
        assert find(cache, cache.key(replace(ASKED, body=b"0"))) is not None
    assert 5 <= len(cache) <= 11


@pytest.fixture
def learning(clock, monkeypatch):
    """A cache that decides from the first requests on, and whose lookups take 2 us."""
    monkeypatch.setattr(cache_policy, "MIN_SPENT_S", 0.0)
    monkeypatch.setattr(response_cache, "time", SimpleNamespace(perf_counter=lambda: 2e-6))
    draw = random.Random(1).random
    return ResponseCache(
        LookupPolicy("auto", LookupCounts(), keep_cost=6.0, draw=draw), clock=clock
    )


def ask(cache, number):
    """As the scorer does, of answers that take 50 us: whether it was looked up, and found."""
    key = cache.key(replace(ASKED, body=b"%d" % number))
    if key is None:
        return False, False
    if cache.find(key, began=0.0) is not None:
        return True, True
    cache.keep(key, ANSWER._replace(elapsed_ms=0.05), ttl_s=100)
    return True, False


def test_while_nothing_recurs_few_are_looked_up_and_kept(learning):
    for number in range(10 * MIN_UNITS):
        assert ask(learning, number)[1] is False
    before = len(learning)
    looked_up = sum(ask(learning, number)[0] for number in range(1_000, 3_000))
    assert 0 < looked_up == len(learning) - before < 100


def test_requests_that_begin_to_recur_are_all_found_again(learning):
    for number in range(10 * MIN_UNITS):
        ask(learning, number)
    for _ in range(2_000):
        ask(learning, -1)
    assert all(ask(learning, -1)[1] for _ in range(100))


def test_of_answers_made_at_once_each_counts_for_its_part_of_the_time(clock):
    policy = LookupPolicy("auto", LookupCounts())
    cache = ResponseCache(policy, clock=clock)
    cache.keep(cache.key(ASKED), ANSWER._replace(elapsed_ms=10), ttl_s=100, at_once=10)
    assert policy.saved_s == pytest.approx(0.001)


def test_a_recomputed_answer_is_kept_whatever_the_policy_says(clock):
    policy = LookupPolicy("auto", LookupCounts(), draw=lambda: 1.0)
    cache = ResponseCache(policy, clock=clock)
    policy.share = 0.1
    assert cache.key(ASKED) is None
    assert cache.key(replace(ASKED, recompute=True)) is not None
    off = make(clock, "off")
    assert off.key(replace(ASKED, recompute=True)) is None


def test_expired_answers_are_removed_when_another_is_kept(cache, clock):
    for number in range(10):
        cache.keep(cache.key(replace(ASKED, body=b"%d" % number)), ANSWER, ttl_s=100)
    clock.now += MAX_AGE_S
    cache.keep(cache.key(ASKED), ANSWER, ttl_s=100)
    assert len(cache) == 1


def test_an_answer_larger_than_the_cache_is_not_kept(clock):
    cache = make(clock, max_bytes=100)
    cache.keep(cache.key(ASKED), ANSWER, ttl_s=100)
    assert len(cache) == 0
