"""How long calls take, and whether the next one is fast."""

import time

import pytest

from inference.serving.call_times import CallTimes


def busy(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


@pytest.fixture
def times():
    return CallTimes()


def test_no_call_is_fast_before_the_first_one(times):
    assert not times.is_below(1000, rows=1)


def test_a_call_is_as_fast_as_those_before_it(times):
    assert times.measure(1, lambda: busy(0.01)) is None
    assert times.is_below(0.5, rows=1)
    assert not times.is_below(0.009, rows=1)


def test_more_rows_take_longer(times):
    times.measure(10, lambda: busy(0.01))
    assert not times.is_below(0.5, rows=1000)


def test_fewer_rows_do_not_take_less_than_a_call(times):
    """A forest takes as long for one row as for sixty-four."""
    times.measure(64, lambda: busy(0.01))
    assert not times.is_below(0.009, rows=1)


def test_waiting_counts_as_wall_time_and_not_as_processor_time(times):
    times.measure(1, lambda: time.sleep(0.05))
    assert times.row_s >= 0.05
    assert times.is_below(0.04, rows=1)


def test_a_call_that_raises_is_not_counted(times):
    with pytest.raises(ZeroDivisionError):
        times.measure(1, lambda: 1 / 0)
    assert times.row_s == 0


def test_old_calls_are_forgotten(times):
    times.measure(1, lambda: busy(0.02))
    for _ in range(200):
        times.measure(1, lambda: None)
    assert times.is_below(0.001, rows=1)
