"""Every request that has ended is counted, and reported to those that observe requests."""

import pytest

from inference.counters.counts import Counts
from inference.models import ModelId
from inference.serving.finished_requests import FinishedRequest, FinishedRequests

MODEL = ModelId("digits", "1f2e")


@pytest.fixture
def counts():
    return Counts()


@pytest.fixture
def finished(counts):
    return FinishedRequests(counts, lambda: MODEL)


def test_a_request_is_counted_by_trigger_route_and_status(counts, finished):
    finished.report("http", "score", 200, 0.001)
    finished.report("http", "score", 200, 0.001)
    finished.report("servicebus", "", "failed", 0.001)
    assert list(counts.requests.by_status()) == [
        ("http", "score", "200", 2),
        ("servicebus", "", "failed", 1),
    ]


def test_every_observer_gets_each_request_with_its_model(finished):
    first, second = [], []
    assert not finished.is_observed
    finished.observe(first.append)
    finished.observe(second.append)
    assert finished.is_observed
    finished.report("blob", "", "succeeded", 0.5, request_id="b1", cache="miss", rows=3)
    assert first == [
        FinishedRequest("blob", "", "succeeded", "b1", 0.5, "miss", 3, None, model=MODEL)
    ]
    assert second == first
