"""Rows are looked up, coalesced and stored one by one, and predicted together."""

import asyncio
import threading
import time
from typing import ClassVar

import joblib
import numpy as np
import orjson
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression

from cache.memory_cache import MemoryCache
from deploy import manifest
from inference.errors import ScriptFailed
from inference.models import manifest_file
from inference.scripts import Question, RowQuestion
from inference.scripts.array_rows import ArrayRows
from inference.serving import cache_policy
from inference.serving.cache_policy import MIN_UNITS
from inference.serving.call_pace import MAX_ROWS
from inference.serving.off_loop import PIECE_ROWS


class Counting(BaseEstimator):  # type: ignore[misc]
    """Predicts the sum of a row, and records the rows of each call."""

    asked: ClassVar[list[list[float]]] = []
    gate: ClassVar = threading.Event()

    def fit(self, rows, _=None):
        self.n_features_in_ = rows.shape[1]
        return self

    def predict(self, rows):
        if rows.min() < 0:
            raise ValueError("a negative row")
        self.gate.wait(10)
        self.asked.append(rows[:, 0].tolist())
        return rows.sum(axis=1).astype(int)


@pytest.fixture
def counting(tmp_path):
    """A folder with such a model."""
    folder = tmp_path / "counting"
    folder.mkdir()
    Counting.gate.set()
    joblib.dump(Counting().fit(np.zeros((1, 2))), folder / "model.joblib")
    (folder / "rows.csv").write_text("1,2\n3,4\n5,6\n")
    manifest_file.write(folder, manifest.describe(folder, rows_file=folder / "rows.csv"))
    yield folder
    Counting.gate.set()


@pytest.fixture
async def scorer(counting, make_scorer):
    scorer = make_scorer(counting, CACHE_MODE="always")
    await scorer.script()
    Counting.asked.clear()
    return scorer


async def queued(scorer, at_least, at_most=100):
    """Wait until a computation is in flight and so many questions are queued."""
    while not scorer._predictor or not scorer._predictor._single_flight._in_flight:
        await asyncio.sleep(0)
    while not at_least <= len(scorer._predictor._model._batcher._queue) <= at_most:
        await asyncio.sleep(0)


def rows(*values: int) -> bytes:
    return orjson.dumps([[value, 0] for value in values])


async def test_only_rows_that_are_in_no_cache_are_predicted(scorer, request_of):
    await scorer.score(request_of(rows(10, 11)))
    answer = await scorer.score(request_of(rows(11, 12, 10, 13)))
    assert answer.body == b"[11,12,10,13]"
    assert answer.cache == "miss"
    assert Counting.asked == [[10, 11], [12, 13]]
    again = await scorer.score(request_of(b"13,0\n10,0\n", "text/csv"))
    assert (again.cache, again.body) == ("hit", b"[13,10]")
    assert len(Counting.asked) == 2


async def test_a_row_that_recurs_in_its_own_request_is_answered_each_time(scorer, request_of):
    assert (await scorer.score(request_of(rows(7, 8, 7)))).body == b"[7,8,7]"


async def test_rows_that_arrive_during_a_model_call_are_predicted_together_next(scorer, request_of):
    Counting.gate.clear()
    tasks = [asyncio.create_task(scorer.score(request_of(rows(1))))]
    await queued(scorer, 1)
    await queued(scorer, 0, at_most=0)
    tasks += [asyncio.create_task(scorer.score(request_of(rows(n)))) for n in range(2, 9)]
    await queued(scorer, 7)
    Counting.gate.set()
    answers = await asyncio.gather(*tasks)
    assert [answer.body for answer in answers] == [b"[%d]" % n for n in range(1, 9)]
    assert Counting.asked == [[1], [2, 3, 4, 5, 6, 7, 8]]


async def test_a_row_that_fails_does_not_fail_the_other_requests_of_its_batch(scorer, request_of):
    Counting.gate.clear()
    tasks = [asyncio.create_task(scorer.score(request_of(rows(n)))) for n in (1, 2, -3, 4)]
    await queued(scorer, 3)
    Counting.gate.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(outcomes[2], ScriptFailed)
    assert [each.body for each in outcomes if not isinstance(each, Exception)] == [
        b"[1]",
        b"[2]",
        b"[4]",
    ]


async def test_a_coalesced_row_does_not_fail_because_of_another_row(scorer, request_of):
    Counting.gate.clear()
    first = asyncio.create_task(scorer.score(request_of(rows(1, -2))))
    await queued(scorer, 0)
    second = asyncio.create_task(scorer.score(request_of(rows(1))))
    await asyncio.sleep(0)
    Counting.gate.set()
    with pytest.raises(ScriptFailed):
        await first
    assert (await second).body == b"[1]"


async def test_cancelling_a_queued_request_does_not_cancel_the_others(scorer, request_of):
    Counting.gate.clear()
    tasks = [asyncio.create_task(scorer.score(request_of(rows(n)))) for n in (1, 2, 3)]
    await queued(scorer, 2)
    tasks.pop(1).cancel()
    Counting.gate.set()
    assert [answer.body for answer in await asyncio.gather(*tasks)] == [b"[1]", b"[3]"]


async def test_a_prediction_that_has_begun_is_stored_though_its_caller_is_cancelled(
    scorer, request_of
):
    Counting.gate.clear()
    task = asyncio.create_task(scorer.score(request_of(rows(5))))
    await queued(scorer, 0)
    single_flight = scorer._predictor._single_flight
    ((computation, _),) = single_flight._in_flight._units.values()
    while not computation.wait.begun:
        await asyncio.sleep(0)
    task.cancel()
    Counting.gate.set()
    while single_flight._in_flight:
        await asyncio.sleep(0)
    assert (await scorer.score(request_of(rows(5)))).cache == "hit"


async def test_hot_rows_are_computed_anew_before_they_expire(counting, make_scorer, request_of):
    now = [0.0]
    scorer = make_scorer(
        counting, MemoryCache(clock=lambda: now[0]), CACHE_MODE="always", CACHE_TTL_S="100"
    )
    await scorer.score(request_of(rows(5)))
    Counting.asked.clear()
    now[0] = 99.9
    # Dear enough that a tenth of a second before is late.
    scorer._predictor._single_flight.unit_s = 1e4
    answer = await scorer.score(request_of(rows(5) + b" "))
    assert answer.cache == "hit"
    while scorer._predictor._single_flight._in_flight:
        await asyncio.sleep(0)
    assert Counting.asked == [[5]]
    now[0] = 150.0
    assert (await scorer.score(request_of(rows(5) + b"  "))).cache == "hit"


async def test_rows_that_begin_to_recur_are_all_looked_up_once_a_sample_shows_it(
    counting, make_scorer, request_of, monkeypatch
):
    def predict(self, rows):
        time.sleep(0.001)
        return rows.sum(axis=1).astype(int)

    monkeypatch.setattr(Counting, "predict", predict)
    monkeypatch.setattr(cache_policy, "MIN_SPENT_S", 0.0)
    scorer = make_scorer(counting, CACHE_MODE="auto")
    policy = scorer.cache_policy.one_unit.near
    draws = iter(lambda: 1.0, None)
    monkeypatch.setattr(policy, "_draw", lambda: next(draws))
    for number in range(2 * MIN_UNITS):
        await scorer.score(request_of(rows(number)))
    assert (await scorer.score(request_of(rows(-7)))).cache == "bypass"
    draws = iter(lambda: 0.0, None)
    for turn in range(30):
        await scorer.score(request_of(rows(-7) + b" " * turn))  # the same row in other bytes
    assert policy.pays
    assert (await scorer.score(request_of(rows(-7) + b"\n"))).cache == "hit"


class Far(MemoryCache):
    """Shared with other processes; it answers lookups while `may` is set."""

    remote = True

    def __init__(self) -> None:
        super().__init__()
        self.may = asyncio.Event()

    def peek(self, key):
        return None

    async def get_many(self, keys):
        await self.may.wait()
        return await super().get_many(keys)


async def test_no_caller_waits_for_a_sampled_lookup_in_redis(
    counting, make_scorer, request_of, monkeypatch
):
    far = Far()
    far.may.set()
    monkeypatch.setattr(cache_policy, "MIN_SPENT_S", 0.0)
    scorer = make_scorer(counting, far, CACHE_MODE="auto")
    policy = scorer.cache_policy.one_unit.redis
    for number in range(2 * MIN_UNITS):
        await scorer.score(request_of(rows(number)))
    assert not policy.pays
    far.may.clear()
    monkeypatch.setattr(policy, "_draw", lambda: 0.0)
    units = policy._units
    for number in range(5):
        assert (await scorer.score(request_of(rows(1000 + number)))).cache == "miss"
    assert policy._units == units
    far.may.set()
    while scorer._predictor._lookup._background:
        await asyncio.sleep(0)
    assert policy._units == units + 5


async def test_answers_are_the_same_bytes_whatever_the_cache_does(
    counting, make_scorer, request_of
):
    """A mixed workload: one row or several, repeated, in other formats and other order."""
    draw = np.random.default_rng(3)
    bodies = []
    for _ in range(150):
        chosen = draw.integers(0, 40, size=draw.integers(1, 6)).tolist()
        kind = draw.choice(["application/json", "text/csv", "application/jsonl"])
        lines = [f"{n},0" for n in chosen]
        body = rows(*chosen) if kind == "application/json" else "\n".join(lines).encode()
        if kind == "application/jsonl":
            body = "\n".join(f"[{line}]" for line in lines).encode()
        bodies.append((body, str(kind)))
    answers = {}
    for mode in ("off", "always", "auto"):
        scorer = make_scorer(counting, CACHE_MODE=mode)
        answers[mode] = [(await scorer.score(request_of(*each))).body for each in bodies]
    assert answers["off"] == answers["always"] == answers["auto"]


async def test_a_model_that_is_not_batch_invariant_answers_each_request_as_a_whole(
    tmp_path, make_scorer, request_of
):
    draw = np.random.default_rng(0)
    model = LinearRegression().fit(draw.random((300, 50)), draw.random(300))
    many = draw.random((64, 50))
    alone = np.concatenate([model.predict(row.reshape(1, -1)) for row in many])
    joblib.dump(model, tmp_path / "model.joblib")
    manifest_file.write(tmp_path, manifest.describe(tmp_path))
    scorer = make_scorer(tmp_path, CACHE_MODE="always")
    script = await scorer.script()
    question = script.question_of(many)
    if np.array_equal(alone, model.predict(many)):
        assert isinstance(question, RowQuestion)  # this machine's arithmetic makes no difference
    else:
        assert isinstance(question, Question)
    for part in (many[:1], many[3:9], many):
        answer = await scorer.score(request_of(orjson.dumps(part.tolist())))
        assert orjson.loads(answer.body) == model.predict(part).tolist()


def test_rows_of_an_array_are_taken_and_joined_in_order():
    question = ArrayRows(np.arange(6.0).reshape(3, 2))
    assert question.take([2, 0]).values.tolist() == [[4, 5], [0, 1]]
    assert question.join([question.take([1])]).values.tolist() == [[0, 1], [2, 3], [4, 5], [2, 3]]
    assert [bytes(row) for row in question.row_bytes()] == [
        row.tobytes() for row in question.values
    ]


def many(count: int, *, first: int = 1) -> bytes:
    return rows(*range(first, first + count))


async def test_many_rows_are_answered_in_order_and_found_again_in_any_request(scorer, request_of):
    await scorer.score(request_of(rows(500, MAX_ROWS + 100)))
    count = MAX_ROWS + 3
    answer = await scorer.score(request_of(many(count)))
    assert orjson.loads(answer.body) == list(range(1, count + 1))
    assert answer.cache == "miss"
    await eventually_stored(scorer)
    asked = len(Counting.asked)
    again = await scorer.score(request_of(many(count)))
    one = await scorer.score(request_of(rows(count)))
    assert (again.body, again.cache, one.cache) == (answer.body, "hit", "hit")
    assert len(Counting.asked) == asked
    assert sum(map(len, Counting.asked)) == count + 1  # 500 was found, the other is not among them


async def eventually_stored(scorer):
    while scorer._predictor._single_flight._in_flight._tasks:
        await asyncio.sleep(0)


async def test_equal_requests_of_many_rows_at_once_are_one_computation(scorer, request_of):
    Counting.gate.clear()
    body = many(PIECE_ROWS + 1)
    asked = asyncio.gather(*(scorer.score(request_of(body)) for _ in range(3)))
    while not scorer._predictor or [
        computation._waiters
        for computation, _ in scorer._predictor._single_flight._in_flight._units.values()
    ] != [3]:
        await asyncio.sleep(0)
    Counting.gate.set()
    answers = await asked
    assert {answer.body for answer in answers} == {answers[0].body}
    assert sorted(answer.cache for answer in answers) == ["joined", "joined", "miss"]
    assert sum(map(len, Counting.asked)) == PIECE_ROWS + 1


async def test_many_rows_of_which_the_model_refuses_one_are_neither_stored_nor_tried_again(
    scorer, request_of
):
    with pytest.raises(ScriptFailed):
        await scorer.score(request_of(rows(*range(1, MAX_ROWS + 2), -1)))
    asked = [first for call in Counting.asked for first in call]
    assert len(set(asked)) == len(asked) <= MAX_ROWS + 1
    assert (await scorer.score(request_of(rows(1)))).cache == "miss"
    assert not scorer._predictor._single_flight._in_flight


async def test_cancelling_a_request_of_many_rows_does_not_affect_an_equal_one(scorer, request_of):
    Counting.gate.clear()
    body = many(2 * MAX_ROWS)
    first, second = (asyncio.create_task(scorer.score(request_of(body))) for _ in range(2))
    while not scorer._predictor or len(scorer._predictor._single_flight._in_flight) != 1:
        await asyncio.sleep(0)
    first.cancel()
    Counting.gate.set()
    assert len(orjson.loads((await second).body)) == 2 * MAX_ROWS


async def test_many_rows_are_not_predicted_further_once_their_caller_is_cancelled(
    scorer, request_of
):
    Counting.gate.clear()
    asked = asyncio.create_task(scorer.score(request_of(many(3 * MAX_ROWS))))
    while not scorer._predictor or not scorer._predictor._model._batcher._batch:
        await asyncio.sleep(0)
    (waiter,) = scorer._predictor._model._batcher._batch
    while not waiter.wait.begun:
        await asyncio.sleep(0)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    Counting.gate.set()
    await eventually_stored(scorer)
    assert len(Counting.asked) == 1
    assert not scorer._predictor._single_flight._in_flight
