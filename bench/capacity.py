"""`python -m bench.capacity`: what one instance scores and what a million scores cost.

Rates come from bench/results.json, which `make bench` writes; prices are the reader's to fill in.
The formulas are explained in docs/capacity.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.models import LABELS
from bench.places import BENCH
from bench.report import number
from bench.results import Results
from bench.triggers import BLOB_ROWS

RESULTS = BENCH / "results.json"
MILLION = 1_000_000
SERVER = "triscore@1"
#: What bench.triggers measures them with.
DOORS_MODEL = "logreg"


@dataclass(frozen=True, slots=True)
class Prices:
    """Of the platform, in any currency."""

    instance_gb: float
    gb_second: float
    million_executions: float


@dataclass(frozen=True, slots=True)
class Capacity:
    """Of one way to bring rows."""

    way: str
    rows_a_second: float
    rows_an_execution: float

    def cost_a_million(self, prices: Prices) -> float:
        """Of a million rows through instances that are busy all the time."""
        seconds = MILLION / self.rows_a_second
        executions = prices.million_executions / self.rows_an_execution
        return seconds * prices.instance_gb * prices.gb_second + executions


def mixed(hit: float, miss: float, hit_rate: float) -> float:
    """Rows a second when a part of them is in the cache: times add up, rates do not."""
    return 1 / (hit_rate / hit + (1 - hit_rate) / miss)


def capacities(results: Results, model: str, hit_rate: float) -> Iterator[Capacity]:
    """What was measured of a model; a way that was not is left out."""
    hit = results.value(f"hot/{model}/16", SERVER)
    miss = results.value(f"unique/{model}/16", SERVER)
    if hit and miss:
        yield Capacity("HTTP, one row a request", mixed(hit, miss, hit_rate), 1)
    if hundred := results.value(f"hundred/{model}/16", SERVER):
        yield Capacity("HTTP, 100 new rows a request", hundred * 100, 100)
    if model != DOORS_MODEL:
        return
    if messages := results.figure("messages, triscore"):
        # A batch is one execution; a quiet queue brings one message at a time.
        yield Capacity("Service Bus, one new row a message", messages, 1)
    if blob_rows := results.figure("blob rows, triscore"):
        yield Capacity(f"a blob of {BLOB_ROWS:,} new rows", blob_rows, BLOB_ROWS)


def main() -> int:
    given = _arguments()
    if not given.results.is_file():
        print(f"{given.results} is not there: `make bench` writes it", file=sys.stderr)
        return 2
    results = Results.from_json(json.loads(given.results.read_text()))
    prices = Prices(given.memory_gb, given.price_gb_second, given.price_million_executions)
    found = list(capacities(results, given.model, given.hit_rate))
    print(f"{LABELS[given.model]}, one worker on one core, measured {results.environment['date']}")
    for each in found:
        cost = f"{each.cost_a_million(prices):.4f}" if given.price_gb_second else "give prices"
        print(f"{each.way}: {number(each.rows_a_second)} rows/s, a million rows cost {cost}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.capacity", description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE")
    parser.add_argument("--model", choices=LABELS, default=DOORS_MODEL)
    parser.add_argument(
        "--hit-rate", type=_share, default=0.0, help="share of single rows found in the cache"
    )
    parser.add_argument("--memory-gb", type=float, default=2.0, help="memory of an instance")
    parser.add_argument("--price-gb-second", type=float, default=0.0)
    parser.add_argument("--price-million-executions", type=float, default=0.0)
    return parser.parse_args()


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 1, got {text}")
    return share


if __name__ == "__main__":
    sys.exit(main())
