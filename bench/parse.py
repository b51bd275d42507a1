"""Measures what a request takes beyond one `predict`, beside the fastest library's bare parse.

Everything is in one process, without HTTP and without a cache.
"""

from __future__ import annotations

from bench import own_process
from bench.models import Model
from bench.results import Figure

SIZES = (100, 10_000)
FORMATS = ("JSON", "CSV", "npy", "Parquet")


def request(form: str, size: int) -> str:
    return f"{size:,} rows of {form}, request"


def predict(form: str, size: int) -> str:
    """In turn with the requests of a format: what they leave in the caches changes it."""
    return f"{size:,} rows of {form}, predict"


def bare(form: str, size: int) -> str:
    return f"{size:,} rows of {form}, bare parse"


def measure(model: Model, rounds: int) -> dict[str, Figure]:
    """Milliseconds of each. Raises BenchError if an answer is not what the model says."""
    costs: dict[str, list[float]] = own_process.run(
        *("bench.parse_process", str(model.folder), str(rounds)),
        timeout_s=600,
        failed="bench.parse",
    )
    return {name: Figure("ms", tuple(values)) for name, values in costs.items()}
