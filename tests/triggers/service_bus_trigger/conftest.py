"""A result store that fails when a test lets it."""

from __future__ import annotations

import pytest

from cache import keys
from inference.results.result_store import ResultStore
from tests.triggers.outages import FailingCache


@pytest.fixture
def results(cache: FailingCache) -> ResultStore:
    return ResultStore(cache, keys.result_key, ttl_s=600)
