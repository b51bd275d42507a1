"""How many rows a call of the model takes: short calls, unless longer ones are much cheaper."""

import random

import pytest

from inference.serving.call_pace import CALL_S, MAX_ROWS, MIN_ROWS, CallPace


def settled(call_s: float, row_s: float, *, noise: float = 0.0) -> tuple[CallPace, float]:
    """The pace after many calls of a model that takes so long, and the longest call's seconds."""
    pace, longest, random_ = CallPace(), 0.0, random.Random(1)
    for _ in range(400):
        rows = pace.rows
        seconds = (call_s + row_s * rows) * (1 + noise * random_.random())
        longest = max(longest, seconds)
        pace.record(rows, seconds)
    return pace, longest


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_a_slow_model_is_never_called_for_long(noise):
    pace, longest = settled(0.0002, 0.001, noise=noise)
    assert pace.rows * 0.001 <= CALL_S
    assert longest < 4 * CALL_S


def test_a_very_slow_model_gets_the_fewest_rows():
    assert settled(0.0, 0.1)[0].rows == MIN_ROWS


@pytest.mark.parametrize(
    ("call_s", "row_s"),
    [(0.0002, 1e-6), (0.003, 1e-5), (0.1, 1e-5), (0.03, 1e-4)],
    ids=["linear", "forest", "in parallel", "a pipeline"],
)
def test_small_calls_cost_at_most_a_quarter_of_the_time(call_s, row_s):
    """Beside calls of the most rows."""
    rows = settled(call_s, row_s)[0].rows
    assert call_s / rows + row_s <= 1.25 * (call_s / MAX_ROWS + row_s)


def test_a_slow_first_call_is_forgotten():
    pace = CallPace()
    pace.record(MIN_ROWS, 0.1)
    pace.record(2 * MIN_ROWS, 3.0)
    for _ in range(1000):
        pace.record(pace.rows, 1e-6 * pace.rows)
    assert pace.rows == MAX_ROWS


def test_calls_of_other_sizes_count_too():
    pace = CallPace()
    for _ in range(50):
        pace.record(min(pace.rows, 100), 0.001 * min(pace.rows, 100))
    assert pace.rows <= 2 * CALL_S / 0.001
    pace.record(3, 60.0)
    assert pace.rows <= 2 * CALL_S / 0.001
