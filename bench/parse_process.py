"""The process of `bench.parse`: it has one core and one thread for each model, as a worker has.

`python -m bench.parse_process MODEL_FOLDER ROUNDS` prints milliseconds by the names of bench.parse.
"""

from __future__ import annotations

import asyncio
import io
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
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
from bench.direct import LONG_ENOUGH_S
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
            alone = partial(estimator.predict, drawn)
            for form, body in _bodies(drawn):
                score = _request(scorer, form, body)
                _require_equal(form, orjson.loads(await score()), estimator.predict(drawn))
                found = await _alternate(score, alone, *_parsers(form, body))
                asked, predicted, parsed = found[0], found[1], min(found[2:])
                costs.setdefault(predict(form, size), []).append(predicted * 1000)
                costs.setdefault(bare(form, size), []).append(parsed * 1000)
                costs.setdefault(request(form, size), []).append(asked * 1000)
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


def _request(scorer: Scorer, form: str, body: bytes) -> Callable[[], Awaitable[bytes]]:
    async def score() -> bytes:
        asked = Request(
            id="bench",
            source="http",
            body=body,
            content_type=TYPES[form],
            accept=media_types.JSON,
        )
        return (await scorer.score(asked)).body

    return score


def _require_equal(form: str, answer: Any, expected: Any) -> None:
    if answer != expected.tolist():
        raise BenchError(f"{form}: {str(answer)[:80]}, the model says {str(expected)[:80]}")


async def _alternate(
    score: Callable[[], Awaitable[object]], *calls: Callable[[], object]
) -> list[float]:
    """Median seconds of a request and of each call, made in turn: each finds the caches alike."""
    found: list[list[float]] = [[] for _ in range(1 + len(calls))]
    began = time.perf_counter()
    while time.perf_counter() - began < LONG_ENOUGH_S * len(found) or not found[0]:
        start = time.perf_counter()
        await score()
        found[0].append(time.perf_counter() - start)
        for call, times in zip(calls, found[1:], strict=True):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
    return [statistics.median(times) for times in found]


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(Model("", Path(sys.argv[1])), int(sys.argv[2])))))
