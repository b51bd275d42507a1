"""Measures how much longer a request of one row takes because it is counted.

The app is called in one process, in turn with its metrics and without them. The difference is too
small to be seen between two servers over HTTP.
"""

from __future__ import annotations

from bench import own_process
from bench.models import Model
from bench.results import Figure
from bench.workloads import Kind

KINDS: tuple[Kind, ...] = ("hot", "unique")


def counted(kind: Kind) -> str:
    return f"metrics, {kind}, counted"


def uncounted(kind: Kind) -> str:
    return f"metrics, {kind}, not counted"


def measure(model: Model, redis_url: str, rounds: int) -> dict[str, Figure]:
    """Microseconds of a request of one row. Raises BenchError."""
    costs: dict[str, list[float]] = own_process.run(
        *("bench.metrics_cost_process", str(rounds)),
        env={
            "AZUREML_MODEL_DIR": str(model.folder),
            "REDIS_URL": redis_url,
            "TRIGGERS": "http",
        },
        timeout_s=300,
        failed="bench.metrics_cost",
    )
    return {name: Figure("us", tuple(values)) for name, values in costs.items()}
