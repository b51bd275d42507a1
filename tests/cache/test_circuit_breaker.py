from __future__ import annotations

import logging

import pytest

from cache.breaker import CircuitBreaker
from tests.clock import Clock


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return CircuitBreaker("the server", failures=3, pause_s=2.0, clock=clock)


def fail(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        breaker.record_failure("refused")


def test_a_new_breaker_is_closed(breaker):
    assert breaker.allows_call()
    assert not breaker.is_open
    assert breaker.last_call_succeeded


def test_it_opens_at_the_limit_and_not_before(breaker):
    fail(breaker, 2)
    assert breaker.allows_call()
    fail(breaker, 1)
    assert breaker.is_open
    assert not breaker.allows_call()


def test_one_failure_is_seen_before_the_breaker_opens(breaker):
    fail(breaker, 1)
    assert not breaker.last_call_succeeded
    assert not breaker.is_open


def test_a_success_between_failures_starts_the_count_again(breaker):
    fail(breaker, 2)
    breaker.record_success()
    fail(breaker, 2)
    assert breaker.allows_call()


def test_an_open_breaker_allows_nothing_within_the_pause(breaker, clock):
    fail(breaker, 3)
    clock.now += 1.999
    assert not breaker.allows_call()


def test_after_the_pause_one_probe_passes_at_a_time(breaker, clock):
    fail(breaker, 3)
    clock.now += 2
    assert [breaker.allows_call() for _ in range(3)] == [True, False, False]


def test_a_probe_that_succeeds_closes_it(breaker, clock):
    fail(breaker, 3)
    clock.now += 2
    assert breaker.allows_call()
    breaker.record_success()
    assert breaker.last_call_succeeded
    assert all(breaker.allows_call() for _ in range(3))


def test_a_probe_that_fails_costs_another_pause(breaker, clock):
    fail(breaker, 3)
    clock.now += 2
    assert breaker.allows_call()
    clock.now += 1
    breaker.record_failure("refused")
    clock.now += 1.999
    assert not breaker.allows_call()
    clock.now += 0.001
    assert breaker.allows_call()


def test_a_probe_without_an_outcome_is_followed_by_another(breaker, clock):
    fail(breaker, 3)
    clock.now += 2
    assert breaker.allows_call()
    clock.now += 2
    assert breaker.allows_call()


def test_an_outage_is_one_line_in_the_log_and_its_end_another(breaker, clock, caplog):
    caplog.set_level(logging.INFO, "cache.breaker")
    fail(breaker, 10)
    breaker.record_success()
    breaker.record_success()
    opened, closed = caplog.records
    assert opened.levelname == "WARNING"
    assert opened.message.startswith("the server failed 3 times in a row (refused)")
    assert closed.levelname == "INFO"
    assert closed.message == "the server answers again"


def test_its_repr_shows_its_state(breaker):
    assert repr(breaker) == "<CircuitBreaker the server closed, 0 failures in a row>"
    fail(breaker, 3)
    assert repr(breaker) == "<CircuitBreaker the server open, 3 failures in a row>"
