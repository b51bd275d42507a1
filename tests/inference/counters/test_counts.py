"""Counters in memory that other processes may read."""

import pytest

from inference.counters.counts import CALL_ROWS, Counts
from inference.counters.histogram import Histogram, of_seconds
from inference.counters.slots import SLOTS, Slots
from inference.serving.batching import MAX_ROWS


def test_a_histogram_counts_each_value_once_in_the_lowest_range_that_holds_it():
    values = Histogram((1, 4), Slots())
    for value in (0.5, 1, 1.5, 4, 4.5):
        values.observe(value)
    assert values.counts == [2, 2, 1]
    assert values.sum == 1 + 1 + 4 + 4  # whole units


def test_seconds_are_summed_to_the_nanosecond():
    seconds = of_seconds((1.0,), Slots())
    for _ in range(1000):
        seconds.observe(0.000_000_123)
    assert seconds.sum == pytest.approx(0.000_123)


def test_the_largest_batch_has_a_range_of_its_own():
    assert CALL_ROWS[-1] == MAX_ROWS


def test_counts_over_the_same_memory_are_equal():
    memory = memoryview(bytearray(8 * SLOTS))
    ours, theirs = Counts(Slots(memory)), Counts(Slots(memory))
    ours.requests.record("http", "v2", 422, 0.002)
    ours.requests.record("blob", "", "failed", 70.0)
    ours.answers["joined"].add()
    ours.lookups["redis"].record(3, 4)
    ours.batch_rows.add(5)
    assert list(theirs.requests.by_status()) == [
        ("http", "v2", "422", 1),
        ("blob", "", "failed", 1),
    ]
    timed = {
        (trigger, status): seconds.sum
        for trigger, status, seconds in theirs.requests.durations()
        if any(seconds.counts)
    }
    assert timed == {("http", "4xx"): pytest.approx(0.002), ("blob", "failed"): 70}
    assert theirs.answers["joined"].value == 1
    assert theirs.lookups["redis"].by_outcome() == (("hit", 3), ("miss", 4), ("skipped", 0))
    assert theirs.batch_rows.value == 5


@pytest.mark.parametrize(("status", "counted"), [(0, "100"), (99, "100"), (600, "599")])
def test_a_status_that_http_does_not_have_is_counted_as_the_nearest(status, counted):
    counts = Counts()
    counts.requests.record("http", "score", status, 0.1)
    assert list(counts.requests.by_status()) == [("http", "score", counted, 1)]


def test_more_counters_than_slots_are_refused():
    slots = Slots()
    slots.take(SLOTS - 1)
    with pytest.raises(ValueError, match="1 slots are left, not 2"):
        slots.take(2)
