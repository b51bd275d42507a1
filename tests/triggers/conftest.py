"""A scorer over a small real model, and its results, for the triggers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from cache import keys
from cache.memory_cache import MemoryCache
from inference.results.result_store import ResultStore
from inference.serving.scorer import Scorer
from inference.settings import InferenceSettings
from tests import small_model
from tests.triggers.description import documented
from tests.triggers.outages import FailingCache, FakeClock
from triggers.http_trigger.open_inference_blueprint import OpenInferenceHandler


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_model.save(tmp_path_factory.mktemp("models"))


@pytest.fixture
def store() -> MemoryCache:
    return MemoryCache()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def cache(clock: FakeClock) -> FailingCache:
    return FailingCache(clock=clock)


@pytest.fixture
async def make_scorer(store: MemoryCache) -> AsyncIterator[Callable[..., Scorer]]:
    """`make_scorer(folder, **environment)`: a scorer of what is in it, closed in the end."""
    made: list[Scorer] = []

    def make(folder: Path, **environment: str) -> Scorer:
        settings = InferenceSettings.from_env(
            {"AZUREML_MODEL_DIR": str(folder), **environment}, root=folder
        )
        made.append(Scorer(settings, store, keys))
        return made[-1]

    yield make
    for scorer in made:
        await scorer.close()


@pytest.fixture
def scorer(model_dir: Path, make_scorer: Callable[..., Scorer]) -> Scorer:
    return make_scorer(model_dir, MAX_BODY_BYTES="300000", MAX_ROWS="50000", SCORING_TIMEOUT_S="5")


@pytest.fixture
async def v2_handler(scorer: Scorer) -> OpenInferenceHandler:
    """Over the small model, loaded."""
    await scorer.script()
    return OpenInferenceHandler(scorer)


@pytest.fixture
def results(store: MemoryCache) -> ResultStore:
    return ResultStore(store, keys.result_key, ttl_s=60)


@pytest.fixture(scope="session")
def documented_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of each of documented.KINDS."""
    parent = tmp_path_factory.mktemp("kinds")
    return {kind: documented.folder_of(kind, parent) for kind in documented.KINDS}


@pytest.fixture
async def documented_scorer(
    documented_folders: dict[str, Path], store: MemoryCache
) -> AsyncIterator[Callable[[str], Awaitable[Scorer]]]:
    """`await documented_scorer(kind)`: a scorer of one of documented.KINDS, loaded."""
    made: list[Scorer] = []

    async def make(kind: str) -> Scorer:
        folder = documented_folders[kind]
        settings = InferenceSettings.from_env({"AZUREML_MODEL_DIR": str(folder)}, root=folder)
        made.append(Scorer(settings, store, keys))
        await made[-1].script()
        return made[-1]

    yield make
    for scorer in made:
        await scorer.close()
