"""What calls take, and whether the next one is quick."""

import time

import pytest

from inference.serving.call_times import CallTimes


def busy(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


@pytest.fixture
def pace():
    return CallTimes()


def test_nothing_is_quick_before_it_was_tried(pace):
    assert not pace.is_below(1000, rows=1)


def test_a_call_is_as_quick_as_those_before_it(pace):
    assert pace.measure(1, lambda: busy(0.01)) is None
    assert pace.is_below(0.5, rows=1)
    assert not pace.is_below(0.009, rows=1)


def test_more_rows_take_more(pace):
    pace.measure(10, lambda: busy(0.01))
    assert not pace.is_below(0.5, rows=1000)


def test_fewer_rows_do_not_take_less(pace):
    """A forest takes as long for one row as for sixty-four."""
    pace.measure(64, lambda: busy(0.01))
    assert not pace.is_below(0.009, rows=1)


def test_what_a_call_waits_for_counts_as_its_time_and_not_as_its_work(pace):
    pace.measure(1, lambda: time.sleep(0.05))
    assert pace.row_s >= 0.05
    assert pace.is_below(0.04, rows=1)


def test_a_call_that_fails_counts_for_nothing(pace):
    with pytest.raises(ZeroDivisionError):
        pace.measure(1, lambda: 1 / 0)
    assert pace.row_s == 0


def test_old_calls_are_forgotten(pace):
    pace.measure(1, lambda: busy(0.02))
    for _ in range(200):
        pace.measure(1, lambda: None)
    assert pace.is_below(0.001, rows=1)
