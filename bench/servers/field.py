"""Every server that can take part, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bench.environments import Environment
from bench.servers import limits, ours, peers
from bench.servers.server import Server
from bench.servers.stage import Stage

Side = Literal["limit", "ours", "peer"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One server that can take part."""

    label: str
    side: Side
    build: Callable[[Stage, int], Server]
    environment: Environment | None = None


FIELD: dict[str, Entry] = {
    "bare": Entry("bare uvicorn, empty handler", "limit", limits.bare),
    "host-http": Entry("the host's HTTP, empty handler", "limit", limits.host_http),
    "granian": Entry("bare granian, empty handler", "limit", limits.granian, limits.OTHERS),
    "hypercorn": Entry("bare hypercorn, empty handler", "limit", limits.hypercorn, limits.OTHERS),
    "empty-function": Entry("host, empty function", "limit", limits.empty_function),
    "triscore": Entry("Triscore", "ours", ours.with_cache),
    "triscore-off": Entry("Triscore, cache off", "ours", ours.without_cache),
    "triscore-onnx": Entry("Triscore, ONNX", "ours", ours.onnx),
    "triscore-onnx-off": Entry("Triscore, ONNX, cache off", "ours", ours.onnx_without_cache),
    "fastapi": Entry("FastAPI by hand", "peer", peers.fastapi, peers.FASTAPI),
    "fastapi-cache": Entry("FastAPI by hand + Redis", "peer", peers.fastapi_cached, peers.FASTAPI),
    "azureml": Entry("azureml-inference-server", "peer", peers.azureml, peers.AZUREML),
    "azureml-cache": Entry(
        "azureml-inference-server + Redis", "peer", peers.azureml_cached, peers.AZUREML
    ),
    "bentoml": Entry("BentoML, batching", "peer", peers.bentoml, peers.BENTOML),
    "mlserver": Entry("MLServer, batching", "peer", peers.mlserver, peers.MLSERVER),
}

ENVIRONMENTS: tuple[Environment, ...] = tuple(
    dict.fromkeys(entry.environment for entry in FIELD.values() if entry.environment)
)

PEERS = tuple(name for name, entry in FIELD.items() if entry.side == "peer")


def label(server_id: str) -> str:
    """The name of `fastapi@2` in tables."""
    name, _, workers = server_id.partition("@")
    plural = "worker" if workers == "1" else "workers"
    return f"{FIELD[name].label}, {workers} {plural}"
