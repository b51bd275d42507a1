"""When a batch begins, which rows are in it, and in which thread it is predicted."""

import asyncio
import threading
import time
from typing import Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from inference.counters.counts import Counts
from inference.errors import InternalError
from inference.models.sklearn_model import SklearnModel
from inference.scripts.array_rows import ArrayRows
from inference.serving.batching import ALONE_AFTER, Batcher
from inference.serving.deadlines import Wait
from inference.serving.model_thread import ModelThread


class Sums:
    """Sums rows, and records the size of each batch and its thread."""

    def __init__(self, *, library_only: bool) -> None:
        self.library_only = library_only
        self.batches: list[int] = []
        self.threads: list[str] = []

    def run_rows(self, question: ArrayRows) -> list[bytes]:
        self.batches.append(len(question))
        self.threads.append(threading.current_thread().name)
        return [b"%d" % value for value in question.values.sum(axis=1)]


@pytest.fixture
async def batcher_of():
    threads = []

    def make(script: Any) -> Batcher:
        threads.append(ModelThread(timeout_s=10, counts=Counts()))
        return Batcher(threads[-1], script)

    yield make
    for thread in threads:
        thread.close()


def rows(*values: float) -> ArrayRows:
    return ArrayRows(np.array([[value] for value in values], dtype=np.float64))


async def predict(batcher: Batcher, *values: float) -> list[bytes]:
    return await batcher.predict(rows(*values), wait=Wait())


async def test_a_library_model_that_proved_fast_runs_on_the_event_loop(batcher_of):
    script = Sums(library_only=True)
    batcher = batcher_of(script)
    while len(script.threads) < 1000 and script.threads[-1:] != ["MainThread"]:
        assert await predict(batcher, 1, 2) == [b"1", b"2"]
    assert script.threads[0] == "model"
    assert script.threads[-1] == "MainThread"


async def quick_batcher(batcher_of, script: Sums) -> Batcher:
    """A batcher that has learnt that its model is quick and that requests come one at a time."""
    batcher: Batcher = batcher_of(script)
    while script.threads[-ALONE_AFTER:] != ["MainThread"] * ALONE_AFTER:
        await predict(batcher, 1)
        await turns(1)
        assert len(script.threads) < 1000
    script.batches.clear()
    return batcher


async def test_a_quick_model_answers_a_single_request_without_a_turn_of_the_loop(batcher_of):
    batcher = await quick_batcher(batcher_of, Sums(library_only=True))
    for _ in range(3):
        with pytest.raises(StopIteration) as stopped:
            predict(batcher, 1, 2).send(None)
        assert stopped.value.value == [b"1", b"2"]
        await turns(1)


async def test_requests_of_one_turn_share_a_call_of_a_quick_model(batcher_of):
    script = Sums(library_only=True)
    batcher = await quick_batcher(batcher_of, script)
    for calls in ([1, 15], [1, 15, 16]):
        answers = await asyncio.gather(*(predict(batcher, number) for number in range(16)))
        assert answers == [[b"%d" % number] for number in range(16)]
        assert script.batches == calls


async def test_a_quick_model_that_exits_fails_its_request_alone(batcher_of):
    class Exits(Sums):
        def run_rows(self, question: ArrayRows) -> list[bytes]:
            if question.values[0, 0] == 0:
                raise SystemExit
            return super().run_rows(question)

    batcher = await quick_batcher(batcher_of, Exits(library_only=True))
    with pytest.raises(InternalError, match="SystemExit"):
        await predict(batcher, 0)
    await turns(1)
    assert await predict(batcher, 1) == [b"1"]


async def test_user_code_never_runs_on_the_event_loop(batcher_of):
    script = Sums(library_only=False)
    batcher = batcher_of(script)
    for _ in range(100):
        await predict(batcher, 1)
    assert set(script.threads) == {"model"}


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_rows_that_arrive_while_a_batch_is_assembled_are_in_it(batcher_of):
    script = Sums(library_only=False)
    batcher = batcher_of(script)

    async def later(number: int) -> None:
        await turns(number)
        assert await predict(batcher, number) == [b"%d" % number]

    for _ in range(2):  # a batch is assembled only after one with several waiters
        await asyncio.gather(*(later(number) for number in range(20)))
    script.batches.clear()
    await asyncio.gather(*(later(number) for number in range(20)))
    assert script.batches == [20]


async def test_a_single_waiter_is_served_at_once(batcher_of):
    script = Sums(library_only=False)
    batcher = batcher_of(script)
    await predict(batcher, 1)
    task = asyncio.create_task(predict(batcher, 1))
    await turns(2)
    assert not batcher._queue
    await task


async def test_a_stream_of_arrivals_does_not_delay_the_rows_that_wait(batcher_of):
    script = Sums(library_only=False)
    batcher = batcher_of(script)
    await asyncio.gather(predict(batcher, 1), predict(batcher, 1))
    first, began, arrivals = asyncio.create_task(predict(batcher, 1)), time.monotonic(), []
    while not first.done():
        assert time.monotonic() - began < 5
        arrivals.append(asyncio.create_task(predict(batcher, 2)))
        time.sleep(0.001)  # noqa: ASYNC251 - reading a request keeps the event loop busy
        await asyncio.sleep(0)
    await asyncio.gather(*arrivals)


def shout(texts):
    return [text.upper() for text in texts]


class Own(LogisticRegression):  # type: ignore[misc]
    pass


class Bare:
    """A user's step with only the methods that a pipeline needs."""

    def fit(self, rows, _=None):
        return self

    def transform(self, rows):
        return rows


@pytest.mark.parametrize(
    ("estimator", "library_only"),
    [
        (LogisticRegression(), True),
        (RandomForestClassifier(), True),
        (make_pipeline(StandardScaler(), LogisticRegression()), True),
        (make_pipeline(TfidfVectorizer(), LogisticRegression()), True),
        (ColumnTransformer([("kind", OneHotEncoder(), ["kind"])], remainder="passthrough"), True),
        (Own(), False),
        (make_pipeline(StandardScaler(), Own()), False),
        (make_pipeline(Bare(), LogisticRegression()), False),
        (make_pipeline(FunctionTransformer(shout), LogisticRegression()), False),
        (TfidfVectorizer(tokenizer=str.split), False),
        (object(), False),
    ],
    ids=lambda each: type(each).__name__ if not isinstance(each, bool) else str(each),
)
def test_a_model_is_library_only_if_none_of_its_parts_is_user_code(estimator, library_only):
    assert SklearnModel(estimator).library_only is library_only
