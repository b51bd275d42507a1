import asyncio
import sys
import threading

import joblib
import numpy as np
import orjson
import pytest

from cache.degradation import Degradation
from cache.memory_cache import MemoryCache
from inference.errors import (
    InputTooLarge,
    MalformedInput,
    ModelUnavailable,
    Overloaded,
    ScoringError,
    UnfitInput,
)
from inference.serving.health import available_answers

ROWS = orjson.dumps({"data": [[0.9, 0.9, 0.9], [0.1, 0.1, 0.1]]})


class Away(MemoryCache):
    """A shared cache that is down, call by call, without a near cache."""

    remote = True

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    async def get_many(self, keys):
        self._down("get_many")

    async def get(self, key):
        self._down("get")

    async def put(self, key, value, *, ttl_s):
        self._down("put")

    async def add(self, key, value, *, ttl_s):
        self._down("add")

    async def replace(self, key, old, new, *, ttl_s):
        self._down("replace")

    def store_soon(self, items, *, ttl_s):
        self.calls.append("store_soon")

    def _down(self, call: str):
        self.calls.append(call)
        raise ConnectionError("down")

    async def ping(self):
        return False


def stored(store: MemoryCache) -> list[str]:
    return list(store._near._held)


async def test_a_request_is_computed_once_and_then_a_hit(model_dir, make_scorer, request_of):
    scorer = make_scorer(model_dir)
    answers = [await scorer.score(request_of(ROWS)) for _ in range(2)]
    assert [answer.cache for answer in answers] == ["miss", "hit"]
    assert [answer.body for answer in answers] == [b"[1,0]", b"[1,0]"]
    assert answers[0].age_s is None
    assert answers[1].age_s is not None


async def test_the_same_row_is_a_hit_in_any_format(model_dir, make_scorer, request_of):
    scorer = make_scorer(model_dir)
    await scorer.score(request_of(b"[[0.5, 0.25, 1]]"))
    answer = await scorer.score(request_of(b"0.5,0.25,1.0\n", "text/csv"))
    assert answer.cache == "hit"


async def test_no_cache_computes_again_and_replaces_what_is_stored(
    model_dir, make_scorer, request_of
):
    store = MemoryCache()
    scorer = make_scorer(model_dir, store)
    await scorer.score(request_of(ROWS))
    store.keep([(key, b"9") for key in stored(store)], ttl_s=60)
    # In another form, so that the rows are found and not the response.
    assert (await scorer.score(request_of(ROWS + b" "))).body == b"[9,9]"
    fresh = await scorer.score(request_of(ROWS, recompute=True))
    assert (fresh.cache, fresh.body) == ("miss", b"[1,0]")
    assert (await scorer.score(request_of(ROWS + b"  "))).body == b"[1,0]"
    assert (await scorer.score(request_of(ROWS))).body == b"[1,0]"


async def test_equal_concurrent_requests_are_predicted_once(model_dir, make_scorer, request_of):
    scorer = make_scorer(model_dir)
    answers = await asyncio.gather(*(scorer.score(request_of(ROWS)) for _ in range(5)))
    assert sorted(answer.cache for answer in answers) == ["joined"] * 4 + ["miss"]


async def test_cancelling_one_request_does_not_affect_equal_ones(
    model_dir, make_scorer, request_of
):
    scorer = make_scorer(model_dir)
    await scorer.script()
    hang = threading.Event()
    scorer._thread.submit(hang.wait)
    tasks = [asyncio.create_task(scorer.score(request_of(ROWS))) for _ in range(3)]
    while scorer._predictor is None or not scorer._predictor._single_flight._in_flight:
        await asyncio.sleep(0)
    tasks.pop(0).cancel()
    hang.set()
    assert [answer.body for answer in await asyncio.gather(*tasks)] == [b"[1,0]"] * 2


async def test_requests_succeed_while_the_cache_is_down(model_dir, make_scorer, request_of):
    away = Away()
    scorer = make_scorer(model_dir, away)
    answer = await scorer.score(request_of(ROWS))
    assert (answer.cache, answer.body) == ("bypass", b"[1,0]")
    assert away.calls == ["get_many", "store_soon"]
    health = await scorer.health()
    assert (health.status, health.model, health.cache) == ("degraded", "ok", "degraded")


async def test_a_cache_that_takes_no_writes_is_degraded_and_says_why(model_dir, make_scorer):
    store = MemoryCache()
    store.degradation = Degradation("full", "it is full")
    scorer = make_scorer(model_dir, store)
    await scorer.script()
    health = await scorer.health()
    assert (health.status, health.cache, health.cache_up) == ("degraded", "degraded", True)
    assert health.degradation.code == "full"


async def test_without_a_near_cache_nothing_is_kept_and_equal_requests_are_still_predicted_once(
    model_dir, make_scorer, request_of
):
    store = MemoryCache(max_bytes=0)
    scorer = make_scorer(model_dir, store)
    for _ in range(2):
        answers = await asyncio.gather(*(scorer.score(request_of(ROWS)) for _ in range(5)))
        assert sorted(answer.cache for answer in answers) == ["joined"] * 4 + ["miss"]
    assert stored(store) == []
    assert len(scorer._responses) == 0


@pytest.mark.parametrize(
    ("body", "kind", "error"),
    [
        (b"", "", MalformedInput),
        (b"{", "", MalformedInput),
        (b"[[1,2]]", "", UnfitInput),
        (b'[[1,2,"x"]]', "", UnfitInput),
        (b"1,2,nan", "text/csv", UnfitInput),
        (b"[[1,2,3]]" + b" " * 100, "", InputTooLarge),
    ],
)
async def test_nothing_of_a_failed_request_is_stored(
    model_dir, make_scorer, request_of, body, kind, error
):
    store = MemoryCache()
    scorer = make_scorer(model_dir, store, MAX_BODY_BYTES="100")
    with pytest.raises(error):
        await scorer.score(request_of(body, kind))
    assert stored(store) == []


async def test_a_body_at_the_limit_passes(model_dir, make_scorer, request_of):
    body = b"[[1,2,3]]".ljust(100)
    scorer = make_scorer(model_dir, MAX_BODY_BYTES="100")
    assert (await scorer.score(request_of(body))).cache == "miss"


async def test_requests_wait_for_a_model_that_is_still_loading(model_dir, make_scorer, request_of):
    scorer = make_scorer(model_dir)
    assert scorer.state == "loading"
    await scorer.score(request_of(ROWS))
    assert scorer.state == "ok"
    assert len(scorer.model.version) == 12


async def test_a_model_is_loaded_without_a_request(model_dir, make_scorer, eventually_async):
    scorer = make_scorer(model_dir)
    await eventually_async(lambda: scorer.state == "ok")


async def test_stored_rows_are_answered_before_the_model_is_loaded(
    model_dir, make_scorer, request_of, monkeypatch
):
    shared = MemoryCache()
    await make_scorer(model_dir, shared).score(request_of(ROWS))
    monkeypatch.setattr("inference.serving.loading.HEAD_START_S", 3600)
    scorer = make_scorer(model_dir, shared)
    assert (await scorer.score(request_of(ROWS))).cache == "hit"
    assert (scorer.state, available_answers(scorer._loader)) == ("loading", "stored")
    assert (await scorer.score(request_of(b"[[1, 2, 3]]"))).cache == "miss"
    assert (scorer.state, available_answers(scorer._loader)) == ("ok", "all")


async def test_health_says_what_can_be_answered_and_what_is_imported(
    model_dir, make_scorer, monkeypatch, eventually_async
):
    monkeypatch.setattr("inference.serving.loading.HEAD_START_S", 3600)
    scorer = make_scorer(model_dir)
    before = await scorer.health()
    assert before.answers in ("none", "stored")
    # A health check starts to load the model.
    await eventually_async(lambda: scorer.state == "ok")
    after = await scorer.health()
    assert (after.status, after.answers) == ("ok", "all")
    assert {"numpy", "scikit-learn"} <= set(after.packages)


async def test_answers_and_health_say_why_a_model_did_not_load(tmp_path, make_scorer, request_of):
    (tmp_path / "model.joblib").write_bytes(b"not a model")
    scorer = make_scorer(tmp_path, ALLOW_UNPINNED_MODEL="true")
    with pytest.raises(ModelUnavailable, match=r"model\.joblib did not load"):
        await scorer.score(request_of(ROWS))
    health = await scorer.health()
    assert (health.model, health.answers) == ("failed", "none")
    assert "did not load" in str(health.failure)


async def test_a_folder_without_a_model_says_what_to_do(tmp_path, make_scorer, request_of):
    with pytest.raises(ModelUnavailable, match=r"expected one model file .* found none: train or"):
        await make_scorer(tmp_path).score(request_of(ROWS))


async def test_requests_are_refused_if_loading_takes_too_long(
    script_dir, make_scorer, request_of, eventually_async
):
    folder = script_dir(
        "import threading\n"
        "release = threading.Event()\n"
        "def init(): release.wait()\n"
        "def run(data): return data\n"
    )
    scorer = make_scorer(folder, SCORING_TIMEOUT_S="0.1")
    with pytest.raises(Overloaded, match="still loading"):
        await scorer.score(request_of(ROWS))
    # On a busy machine the script itself may be running still.
    await eventually_async(lambda: hasattr(sys.modules.get("entry_script"), "release"))
    sys.modules["entry_script"].release.set()


async def test_large_answers_equal_those_of_the_model(model_dir, make_scorer, request_of):
    rows = np.random.default_rng(1).random((5000, 3))
    scorer = make_scorer(model_dir)
    answer = await scorer.score(request_of(orjson.dumps(rows.tolist())))
    direct = joblib.load(model_dir / "model.joblib").predict(rows)
    assert orjson.loads(answer.body) == direct.tolist()


async def test_every_error_has_its_own_code():
    def leaves(kind):
        below = kind.__subclasses__()
        return [kind] if not below else [leaf for each in below for leaf in leaves(each)]

    codes = [leaf.code for leaf in leaves(ScoringError)]
    assert len(set(codes)) == len(codes)
    assert "scoring_error" not in codes


async def test_a_question_without_rows_is_answered_without_the_model(model_dir, make_scorer):
    scorer = make_scorer(model_dir)
    script = await scorer.script()
    for independent in (True, False):
        script._independent = independent
        prediction = await scorer.predict(script.question_of(np.empty((0, 3))))
        assert (prediction.value, prediction.cache) == (b"[]", "bypass")
    assert scorer.counts.call_rows.sum == 0
