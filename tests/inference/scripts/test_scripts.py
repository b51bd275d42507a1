import contextlib
import logging
import os
import pickle
import sys

import joblib
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from inference.errors import (
    MalformedInput,
    ModelUnavailable,
    Overloaded,
    ResultUnserialisable,
    ScoringTimeout,
    ScriptFailed,
)
from tests.waiting import eventually_async

INIT = "def init():\n    global ready\n    ready = True\n"


async def test_run_gets_the_body_as_one_string_whatever_its_parameter_is_called(
    script_dir, make_scorer, request_of
):
    folder = script_dir(INIT + "def run(anything): return {'got': anything, 'ready': ready}\n")
    scorer = make_scorer(folder)
    answer = await scorer.score(request_of(b'{"data": [1]}', "application/json"))
    assert answer.body == b'{"got":"{\\"data\\": [1]}","ready":true}'
    assert (await scorer.score(request_of(b'{"data": [1]}'))).cache == "hit"


async def test_a_script_may_import_modules_from_its_folder(script_dir, make_scorer, request_of):
    folder = script_dir("import beside_it\ndef init(): ...\ndef run(data): return beside_it.N\n")
    (folder / "beside_it.py").write_text("N = 7\n")
    assert (await make_scorer(folder).score(request_of(b"x"))).body == b"7"


@pytest.mark.parametrize(
    ("body", "error", "says"),
    [
        ("raise ValueError('bad ' + data)", ScriptFailed, r"ValueError at score\.py:6 run"),
        ("import sys; sys.exit(3)", ScriptFailed, r"SystemExit at score\.py:6 run"),
        ("return object()", ResultUnserialisable, "object"),
        ("import time; time.sleep(1.5)", ScoringTimeout, "SCORING_TIMEOUT_S"),
    ],
)
async def test_after_a_script_fails_the_next_request_is_answered(
    script_dir, make_scorer, request_of, body, error, says
):
    folder = script_dir(
        INIT + f"def run(data):\n    if data == 'ok': return 1\n    {body}\n",
    )
    scorer = make_scorer(folder, SCORING_TIMEOUT_S="1")

    async def is_loaded() -> bool:
        with contextlib.suppress(Overloaded):
            await scorer.score(request_of(b"ok"))
            return True
        return False

    await eventually_async(is_loaded)  # it may take longer than a request may
    with pytest.raises(error, match=says):
        await scorer.score(request_of(b"x"))
    assert (await scorer.score(request_of(b"ok"))).body == b"1"


async def test_the_log_holds_the_place_where_a_script_failed_and_no_payload(
    script_dir, make_scorer, request_of, caplog
):
    folder = script_dir(INIT + "def run(data):\n    raise ValueError(data)\n")
    with caplog.at_level(logging.ERROR), pytest.raises(ScriptFailed):
        await make_scorer(folder).score(request_of(b"secret"))
    assert "ValueError at" in caplog.text
    assert "score.py:5 run" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def init(): ...", r"needs init\(\) and run\(data\)"),
        ("def run(data): ...", r"needs init\(\) and run\(data\)"),
        (
            "def init(): 1 / 0\ndef run(data): ...",
            r"init\. SHOW_SCRIPT_ERRORS=true adds the error's text",
        ),
        ("import nowhere_to_be_found", "did not start: ModuleNotFoundError"),
        ("def run(:", "did not start: SyntaxError"),
        (
            "def init(): open('labels.txt')\ndef run(data): ...",
            r"A relative path begins at the app's folder.* os\.path\.dirname\(__file__\)",
        ),
    ],
)
async def test_a_script_that_can_not_start_says_why(
    script_dir, make_scorer, request_of, text, says
):
    scorer = make_scorer(script_dir(text))
    with pytest.raises(ModelUnavailable, match=says):
        await scorer.score(request_of(b"x"))
    assert (await scorer.health()).model == "failed"


async def test_a_body_that_is_not_utf_8_is_malformed_for_a_script(
    script_dir, make_scorer, request_of
):
    scorer = make_scorer(script_dir(INIT + "def run(data): return data\n"))
    with pytest.raises(MalformedInput, match="not UTF-8: got the byte 0xff at position 0"):
        await scorer.score(request_of(b"\xff"))


async def test_another_script_over_the_same_model_never_shares_answers(
    script_dir, make_scorer, request_of
):
    from cache.memory_cache import MemoryCache

    store = MemoryCache()
    folder = script_dir(INIT + "def run(data): return 1\n")
    assert (await make_scorer(folder, store).score(request_of(b"x"))).body == b"1"
    (folder / "score.py").write_text(INIT + "def run(data): return 2\n")
    assert (await make_scorer(folder, store).score(request_of(b"x"))).body == b"2"


@pytest.mark.parametrize("file", ["score.py", "price.py"])
async def test_code_that_was_replaced_within_a_second_is_not_served(
    script_dir, make_scorer, request_of, monkeypatch, file
):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    folder = script_dir("from price import price\n" + INIT + "def run(data): return [1, price]\n")
    (folder / "price.py").write_text("price = 1\n")
    assert (await make_scorer(folder).score(request_of(b"x"))).body == b"[1,1]"
    changed, second = folder / file, int((folder / file).stat().st_mtime)
    changed.write_text(changed.read_text().replace("1", "2"))
    os.utime(changed, (second, second))
    answer = (await make_scorer(folder).score(request_of(b"x"))).body
    assert answer == (b"[2,1]" if file == "score.py" else b"[1,2]")


async def test_a_pickle_that_exits_counts_as_a_model_that_did_not_load(
    tmp_path, make_scorer, request_of
):
    class Exits:
        def __reduce__(self):
            return (sys.exit, (3,))

    (tmp_path / "model.pkl").write_bytes(pickle.dumps(Exits()))
    scorer = make_scorer(tmp_path, ALLOW_UNPINNED_MODEL="true")
    with pytest.raises(ModelUnavailable, match="did not load: SystemExit at "):
        await scorer.score(request_of(b"[[1]]"))
    assert (await scorer.health()).model == "failed"


async def test_a_model_that_refuses_zeros_is_served(tmp_path, make_scorer, request_of):
    rows = [[1.0], [2.0], [3.0], [4.0]] * 5
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(rows, [0, 0, 1, 1] * 5)
    joblib.dump(model, tmp_path / "model.joblib")
    scorer = make_scorer(tmp_path, ALLOW_UNPINNED_MODEL="true")
    assert (await scorer.score(request_of(b"[[1], [4]]"))).body == b"[0,1]"
