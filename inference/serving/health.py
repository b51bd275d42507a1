"""Whether the model and the cache can be used, and what can be answered by now."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal

from inference.ports import Cache, Degradation
from inference.serving.loading import LoadState, ModelLoader
from inference.serving.model_thread import ModelThread

ModelStatus = Literal["ok", "loading", "failed"]
#: What can be answered by now: nothing, rows that were stored before, everything.
Answers = Literal["none", "stored", "all"]

#: Packages too slow to import before the first answer, by module.
HEAVY_PACKAGES = {
    "numpy": "numpy",
    "sklearn": "scikit-learn",
    "onnxruntime": "onnxruntime",
    "skops": "skops",
    "pandas": "pandas",
    "pyarrow": "pyarrow",
    "azure.storage.blob": "azure-storage-blob",
}


@dataclass(frozen=True, slots=True)
class Health:
    """Without the cache scoring is slower; without the model there is none."""

    model: ModelStatus
    answers: Answers
    cache: Literal["ok", "degraded"]
    #: Whether the cache responds. It may be degraded all the same; `degradation` says why.
    cache_up: bool
    degradation: Degradation | None
    #: Why the model can't answer.
    failure: str | None
    #: The heavy packages that are imported, or being imported.
    packages: tuple[str, ...]

    @property
    def status(self) -> str:
        return self.cache if self.model == "ok" else self.model


async def check_health(loader: ModelLoader, thread: ModelThread, cache: Cache) -> Health:
    cache_up = await cache.ping()
    degradation = cache.degradation
    failure = thread.failure or loader.failure
    return Health(
        model=model_status(loader, thread),
        answers=available_answers(loader),
        cache="ok" if cache_up and degradation is None else "degraded",
        cache_up=cache_up,
        degradation=degradation,
        failure=None if failure is None else str(failure),
        packages=tuple(name for module, name in HEAVY_PACKAGES.items() if module in sys.modules),
    )


def model_status(loader: ModelLoader, thread: ModelThread) -> ModelStatus:
    if thread.failure is not None or loader.state is LoadState.FAILED:
        return "failed"
    return "ok" if loader.state is LoadState.READY else "loading"


def available_answers(loader: ModelLoader) -> Answers:
    if loader.state is LoadState.READY:
        return "all"
    if loader.state is LoadState.FAILED or loader.script is None:
        return "none"
    return "stored" if loader.script.parses_unloaded else "none"
