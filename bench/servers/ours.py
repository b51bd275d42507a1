"""The app on the local host, as `triscore host` runs it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from bench.bodies import data_at
from bench.errors import BenchError
from bench.models import Model
from bench.places import ROOT, free_port
from bench.servers.server import Server
from bench.servers.stage import Stage

CacheMode = Literal["auto", "off"]


def with_cache(stage: Stage, workers: int) -> Server:
    return app("triscore", stage.model, "auto", stage.redis_url(), workers=workers)


def without_cache(stage: Stage, workers: int) -> Server:
    return app("triscore-off", stage.model, "off", stage.redis_url(), workers=workers)


def onnx(stage: Stage, workers: int) -> Server:
    return app("triscore-onnx", _twin(stage), "auto", stage.redis_url(), workers=workers)


def onnx_without_cache(stage: Stage, workers: int) -> Server:
    return app("triscore-onnx-off", _twin(stage), "off", stage.redis_url(), workers=workers)


def app(
    name: str,
    model: Model,
    cache_mode: CacheMode,
    redis_url: str,
    *,
    workers: int = 1,
    env: Mapping[str, str] | None = None,
    folder: Path = ROOT,
) -> Server:
    """The host on this project. Only the HTTP trigger, unless `env` names others."""
    port = free_port()
    return Server(
        name=name,
        workers=workers,
        command=(
            *(sys.executable, "-m", "local.host", "--app", str(folder)),
            *("--port", str(port), "--workers", str(workers)),
        ),
        port=port,
        ready="/api/health/ready",
        dialect=data_at("/api/score"),
        env={
            "PYTHONPATH": str(ROOT),
            "AZUREML_MODEL_DIR": str(model.folder),
            "REDIS_URL": redis_url,
            "CACHE_MODE": cache_mode,
            "TRIGGERS": "http",
            **(env or {}),
        },
        uncached=cache_mode == "off",
    )


def _twin(stage: Stage) -> Model:
    if stage.accelerated is None:
        raise BenchError("this model has no ONNX in its manifest")
    return stage.accelerated
