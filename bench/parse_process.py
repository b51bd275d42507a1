"""The process of `bench.parse`: it has one core and one thread for each model, as a worker has.

`python -m bench.parse_process MODEL_FOLDER ROUNDS` prints milliseconds by the names of bench.parse.
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import simdjson

import cache
from bench.bodies import data_at, plain
from bench.direct import LONG_ENOUGH_S, seconds
from bench.errors import BenchError
from bench.models import Model, Rows, rows
from bench.parse import SIZES, bare, predict, request
from cache import keys
from cache.settings import CacheSettings
from inference.request import Request
from inference.rows import media_types
from inference.serving.scorer import Scorer
from inference.settings import InferenceSettings

TYPES = {
    "JSON": media_types.JSON,
    "CSV": media_types.CSV,
    "npy": media_types.NPY,
    "Parquet": media_types.PARQUET,
}


async def main(model: Model, rounds: int) -> dict[str, list[float]]:
    estimator = model.estimator()
    settings = InferenceSettings(model_dir=model.folder, cache_mode="off")
    scorer = Scorer(settings, cache.build(CacheSettings.from_env({})), keys)
    costs: dict[str, list[float]] = {}
    for _ in range(rounds):
        for size in SIZES:
            drawn = rows(size, seed=5)
            found = seconds(partial(estimator.predict, drawn))
            costs.setdefault(predict(size), []).append(found * 1000)
            for form, body in _bodies(drawn):
                found = min(seconds(call) for call in _parsers(form, body))
                costs.setdefault(bare(form, size), []).append(found * 1000)
                found = await _request_seconds(scorer, form, body, estimator.predict(drawn))
                costs.setdefault(request(form, size), []).append(found * 1000)
    await scorer.close()
    return costs


def _bodies(drawn: Rows) -> Iterator[tuple[str, bytes]]:
    yield "JSON", data_at("").write(plain(drawn)).encode()
    yield "CSV", "".join(",".join(row) + "\n" for row in plain(drawn)).encode()
    npy = io.BytesIO()
    np.save(npy, drawn)
    yield "npy", npy.getvalue()
    table = pa.table(list(drawn.T), names=[f"pixel_{number}" for number in range(drawn.shape[1])])
    parquet = io.BytesIO()
    pa.parquet.write_table(table, parquet)
    yield "Parquet", parquet.getvalue()


def _parsers(form: str, body: bytes) -> Iterator[Callable[[], object]]:
    """The libraries that may be the fastest for a format, each with one thread."""
    match form:
        case "JSON":
            parser = simdjson.Parser()

            def by_simdjson() -> object:
                document: Any = parser.parse(body)
                return np.frombuffer(document["data"].as_buffer(of_type="d"))

            yield by_simdjson
            yield lambda: orjson.loads(body)
        case "CSV":
            unnamed = pa.csv.ReadOptions(autogenerate_column_names=True, use_threads=False)
            yield lambda: pa.csv.read_csv(pa.BufferReader(body), unnamed)
        case "npy":
            yield lambda: np.load(io.BytesIO(body))
        case "Parquet":
            yield lambda: pa.parquet.read_table(pa.BufferReader(body), use_threads=False)


async def _request_seconds(scorer: Scorer, form: str, body: bytes, expected: Any) -> float:
    """The duration of one request, after one to warm up and to check."""

    async def score() -> bytes:
        asked = Request(
            id="bench",
            source="http",
            body=body,
            content_type=TYPES[form],
            accept=media_types.JSON,
        )
        return (await scorer.score(asked)).body

    answer = orjson.loads(await score())
    if answer != expected.tolist():
        raise BenchError(f"{form}: {str(answer)[:80]}, the model says {str(expected)[:80]}")
    calls, began = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < LONG_ENOUGH_S or not calls:
        await score()
        calls += 1
    return elapsed / calls


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(Model("", Path(sys.argv[1])), int(sys.argv[2])))))
