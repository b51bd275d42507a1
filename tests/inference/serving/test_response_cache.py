"""Whole answers of the last seconds: found by all that was sent, bounded in bytes and time."""

import time
from dataclasses import replace

import pytest

from inference.request import Answer, Request
from inference.serving.counts import Counts
from inference.serving.response_cache import MAX_AGE_S, MAX_BODY_BYTES, TRY_ONE_IN, Recent, sent

ANSWER = Answer(body=b"[1]", content_type="application/json", cache="miss", elapsed_ms=1)
ASKED = Request(id="1", source="http", body=b"[[1]]", content_type="text/csv", accept="*/*")


def find(recent, key):
    return recent.find(key, began=time.perf_counter())


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def recent(clock):
    return Recent(counts=Counts(), clock=clock)


def test_an_answer_is_found_with_its_age_until_its_time_is_over(recent, clock):
    recent.keep(sent(ASKED), ANSWER._replace(age_s=2.0), ttl_s=100)
    clock.now = MAX_AGE_S - 1
    found = find(recent, sent(replace(ASKED, id="2", source="servicebus")))
    assert found is not None
    assert found.age_s == MAX_AGE_S + 1
    clock.now = MAX_AGE_S
    assert find(recent, sent(ASKED)) is None


def test_an_answer_never_outlives_what_it_was_made_from(recent, clock):
    recent.keep(sent(ASKED), ANSWER, ttl_s=1.0)
    clock.now = 1.0
    assert find(recent, sent(ASKED)) is None


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
def test_whatever_decides_an_answer_tells_requests_apart(recent, other):
    recent.keep(sent(ASKED), ANSWER, ttl_s=100)
    assert find(recent, sent(replace(ASKED, **other))) is None


def test_large_and_compressed_bodies_are_not_kept():
    assert sent(replace(ASKED, body=bytes(MAX_BODY_BYTES + 1))) is None
    assert sent(replace(ASKED, headers={"content-encoding": "gzip"})) is None


def test_what_was_used_last_stays_when_room_runs_out(clock):
    recent = Recent(counts=Counts(), max_bytes=10_000, clock=clock)
    for number in range(100):
        recent.keep(sent(replace(ASKED, body=b"%d" % number)), ANSWER, ttl_s=100)
        assert find(recent, sent(replace(ASKED, body=b"0"))) is not None
    assert 5 <= len(recent) <= 11


def ask(recent, number):
    """As the scorer does: whether the answer was there."""
    key = sent(replace(ASKED, body=b"%d" % number))
    if not recent.pays():
        return False
    if find(recent, key) is not None:
        return True
    recent.keep(key, ANSWER, ttl_s=100)
    return False


def test_while_nothing_recurs_few_are_looked_for_and_kept(recent):
    for number in range(1000):
        assert not ask(recent, number)
    before = len(recent)
    for number in range(1000, 1000 + 10 * TRY_ONE_IN):
        ask(recent, number)
    assert len(recent) == before + 10


def test_what_recurs_again_is_found_again(recent):
    for number in range(1000):
        ask(recent, number)
    found = [ask(recent, -1) for _ in range(4 * TRY_ONE_IN)]
    assert all(found[2 * TRY_ONE_IN :])


def test_what_is_over_makes_room_before_room_runs_out(recent, clock):
    for number in range(10):
        recent.keep(sent(replace(ASKED, body=b"%d" % number)), ANSWER, ttl_s=100)
    clock.now += MAX_AGE_S
    recent.keep(sent(ASKED), ANSWER, ttl_s=100)
    assert len(recent) == 1


def test_an_answer_beyond_all_room_is_not_kept(clock):
    recent = Recent(counts=Counts(), max_bytes=100, clock=clock)
    recent.keep(sent(ASKED), ANSWER, ttl_s=100)
    assert len(recent) == 0
