"""What a million scores cost, and what a cached row takes."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from bench import capacity, redis_memory
from bench.capacity import Capacity, Prices
from bench.load import Run
from bench.results import Figure, Results

ROOT = Path(__file__).resolve().parents[2]


def measured() -> Results:
    results = Results()
    for workload, rate in (("hot/logreg/16", 1000), ("unique/logreg/16", 500)):
        results.add(workload, "triscore@1", Run(rate=rate, p50_ms=1, p99_ms=1, load_cpu=0.1))
    results.figures["blob rows, triscore"] = Figure("rows/s", (20_000.0,))
    return results


@pytest.mark.parametrize(("hit_rate", "rows_a_second"), [(0, 500), (1, 1000), (0.5, 1000 / 1.5)])
def test_hits_and_misses_add_up_by_the_time_that_they_take(hit_rate, rows_a_second):
    first = next(iter(capacity.capacities(measured(), "logreg", hit_rate)))
    assert first.rows_a_second == pytest.approx(rows_a_second)


def test_what_was_not_measured_has_no_capacity():
    ways = [each.way for each in capacity.capacities(measured(), "logreg", 0)]
    assert ways == ["HTTP, one row a request", "a blob of 100,000 new rows"]
    assert list(capacity.capacities(measured(), "forest", 0)) == []


def test_a_million_rows_cost_their_seconds_and_their_executions():
    prices = Prices(instance_gb=2, gb_second=0.5, million_executions=3)
    # 1,000 seconds of two gigabytes at one half, and 10,000 of a million executions.
    assert Capacity("", 1000, 100).cost_a_million(prices) == pytest.approx(1000.03)


def test_without_measurements_the_command_says_how_to_come_by_them(tmp_path):
    command = [*(sys.executable, "-m", "cli", "bench", "capacity"), "--results", tmp_path / "none"]
    told = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert told.returncode == 2
    assert "make bench" in told.stderr


def test_a_cached_row_takes_more_than_its_key_and_value_and_redis_agrees(redis_server):
    value = redis_memory.PREDICTIONS["ten probabilities"]
    found = asyncio.run(redis_memory.measure(redis_server.url, "", value, 20_000))
    least = len("triscore:w:2:") + 64 + 22 + len(value)
    assert least < found.key_bytes < found.bytes_a_row < 2 * least
