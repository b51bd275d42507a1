"""What one instance scores a second, and what a million scores cost.

Rates are measured by `make bench`; prices are the reader's to fill in. docs/capacity.md explains
the formulas.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.report import number
from bench.results import Results
from bench.triggers import BLOB_ROWS

MILLION = 1_000_000
SERVER = "triscore@1"
#: The model that bench.triggers measures messages and blobs with.
TRIGGERS_MODEL = "logreg"


@dataclass(frozen=True, slots=True)
class Prices:
    """The platform's prices, in any currency."""

    instance_gb: float
    gb_second: float
    million_executions: float


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many rows one worker scores a second if they arrive in one way."""

    way: str
    rows_a_second: float
    rows_an_execution: float

    def cost_a_million(self, prices: Prices) -> float:
        """The cost of a million rows on instances that are always busy."""
        seconds = MILLION / self.rows_a_second
        executions = prices.million_executions / self.rows_an_execution
        return seconds * prices.instance_gb * prices.gb_second + executions


def mixed(hit: float, miss: float, hit_rate: float) -> float:
    """Rows a second if a share of them is in the cache. Times add up, rates do not."""
    return 1 / (hit_rate / hit + (1 - hit_rate) / miss)


def capacities(results: Results, model: str, hit_rate: float) -> Iterator[Capacity]:
    """The capacity of each way that was measured with this model."""
    hit = results.value(f"hot/{model}/16", SERVER)
    miss = results.value(f"unique/{model}/16", SERVER)
    if hit and miss:
        yield Capacity("HTTP, one row a request", mixed(hit, miss, hit_rate), 1)
    if hundred := results.value(f"hundred/{model}/16", SERVER):
        yield Capacity("HTTP, 100 new rows a request", hundred * 100, 100)
    if model != TRIGGERS_MODEL:
        return
    if messages := results.figure("messages, triscore"):
        # A batch is one execution; a quiet queue brings one message at a time.
        yield Capacity("Service Bus, one new row a message", messages, 1)
    if blob_rows := results.figure("blob rows, triscore"):
        yield Capacity(f"a blob of {BLOB_ROWS:,} new rows", blob_rows, BLOB_ROWS)


def read(file: Path) -> Results:
    """Read full results or a summary. Raises BenchError if there is no such file."""
    if not file.is_file():
        raise BenchError(f"{file} is not there: `make bench` writes it")
    return Results.from_json(json.loads(file.read_text()))


def describe(capacity: Capacity, prices: Prices) -> str:
    rate = f"{capacity.way}: {number(capacity.rows_a_second)} rows/s"
    if not prices.gb_second:
        return rate
    return f"{rate}, a million rows cost {capacity.cost_a_million(prices):.4f}"
