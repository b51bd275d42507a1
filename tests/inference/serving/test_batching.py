"""When a batch begins, who is in it, and where it is computed."""

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

from inference.models.sklearn_model import SklearnModel
from inference.scripts.array_rows import ArrayRows
from inference.serving.batching import Batcher
from inference.serving.counts import Counts
from inference.serving.model_thread import ModelThread


class Sums:
    """Sums rows; writes down how many came together, and in which thread."""

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


async def test_a_library_that_proved_quick_answers_on_the_event_loop(batcher_of):
    script = Sums(library_only=True)
    batcher = batcher_of(script)
    while len(script.threads) < 1000 and script.threads[-1:] != ["MainThread"]:
        assert await batcher.predict(rows(1, 2)) == [b"1", b"2"]
    assert script.threads[0] == "model"
    assert script.threads[-1] == "MainThread"


async def test_somebody_elses_code_never_runs_on_the_event_loop(batcher_of):
    script = Sums(library_only=False)
    batcher = batcher_of(script)
    for _ in range(100):
        await batcher.predict(rows(1))
    assert set(script.threads) == {"model"}


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_who_arrives_while_a_batch_assembles_is_in_it(batcher_of):
    script = Sums(library_only=False)
    batcher = batcher_of(script)

    async def later(number: int) -> None:
        await turns(number)
        assert await batcher.predict(rows(number)) == [b"%d" % number]

    for _ in range(2):  # the first to come does not wait; it is who comes in company that does
        await asyncio.gather(*(later(number) for number in range(20)))
    script.batches.clear()
    await asyncio.gather(*(later(number) for number in range(20)))
    assert script.batches == [20]


async def test_who_comes_alone_begins_at_once(batcher_of):
    script = Sums(library_only=False)
    batcher = batcher_of(script)
    await batcher.predict(rows(1))
    asking = asyncio.create_task(batcher.predict(rows(1)))
    await turns(2)
    assert not batcher._line
    await asking


async def test_a_stream_of_arrivals_does_not_hold_up_those_that_are_there(batcher_of):
    script = Sums(library_only=False)
    batcher = batcher_of(script)
    await asyncio.gather(batcher.predict(rows(1)), batcher.predict(rows(1)))
    first, began, crowd = asyncio.create_task(batcher.predict(rows(1))), time.monotonic(), []
    while not first.done():
        assert time.monotonic() - began < 5
        crowd.append(asyncio.create_task(batcher.predict(rows(2))))
        time.sleep(0.001)  # noqa: ASYNC251 - what reads a request keeps the loop busy
        await asyncio.sleep(0)
    await asyncio.gather(*crowd)


def shout(texts):
    return [text.upper() for text in texts]


class Own(LogisticRegression):  # type: ignore[misc]
    pass


class Bare:
    """A step of somebody's own that has no more than a pipeline asks of it."""

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
def test_a_model_is_a_librarys_alone_where_none_of_its_parts_is_somebody_elses(
    estimator, library_only
):
    assert SklearnModel(estimator).library_only is library_only
