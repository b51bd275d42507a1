"""Models and scorers for the core's tests: real estimators, trained in milliseconds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from cache import keys
from cache.memory_cache import MemoryCache
from inference.request import Request
from inference.serving.scorer import Scorer
from inference.settings import InferenceSettings
from tests import small_model

MakeScorer = Callable[..., Scorer]


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    return small_model.save(tmp_path)


@pytest.fixture
def script_dir(tmp_path: Path) -> Callable[[str], Path]:
    """`script_dir(text)`: a folder with that text as its score.py."""

    def make(text: str) -> Path:
        folder = tmp_path / "scripted"
        folder.mkdir()
        (folder / "score.py").write_text(text)
        return folder

    return make


@pytest.fixture
async def make_scorer() -> AsyncIterator[MakeScorer]:
    """`make_scorer(folder, cache=…, **environment)`: a scorer that is closed after the test."""
    made: list[Scorer] = []

    def make(folder: Path, cache: MemoryCache | None = None, **environment: str) -> Scorer:
        settings = InferenceSettings.from_env(
            {"AZUREML_MODEL_DIR": str(folder), **environment}, root=folder
        )
        scorer = Scorer(settings, MemoryCache() if cache is None else cache, keys)
        made.append(scorer)
        return scorer

    yield make
    for scorer in made:
        await scorer.close()


@pytest.fixture
def request_of() -> Callable[..., Request]:
    """`request_of(body, content_type)`: a request as HTTP makes it."""

    def make(body: bytes, content_type: str = "", **more: object) -> Request:
        return Request(id="id", source="http", body=body, content_type=content_type, **more)  # type: ignore[arg-type]

    return make
