"""Measures where a request of one row spends its time: host, Microsoft's runtime, app, model.

Everything is in one process, without HTTP and without a cache.
"""

from __future__ import annotations

from bench import own_process
from bench.models import Model
from bench.results import Figure

#: The parts, from the outermost to the innermost. None includes those within it.
PARTS = HOST, RUNTIME, APP, PREDICT = (
    "one row, local host",
    "one row, azure-functions-runtime",
    "one row, app",
    "one row, predict in the app",
)


def measure(model: Model, rounds: int) -> dict[str, Figure]:
    """Microseconds of processor time that each part takes. Raises BenchError."""
    costs: dict[str, list[float]] = own_process.run(
        *("bench.runtime_share_process", str(rounds)),
        env={"AZUREML_MODEL_DIR": str(model.folder), "CACHE_MODE": "off", "TRIGGERS": "http"},
        timeout_s=300,
        failed="bench.runtime_share",
    )
    return {name: Figure("us", tuple(values)) for name, values in costs.items()}
