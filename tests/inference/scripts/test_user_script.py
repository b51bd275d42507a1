"""What a script's calling convention means for the cache, its event loop and its imports."""

import asyncio
import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import joblib
import numpy as np
import orjson
import pytest
from sklearn.linear_model import LinearRegression

from cache.memory_cache import MemoryCache
from inference.errors import ScriptFailed
from inference.scripts.aml import aliases
from inference.scripts.coroutine_runner import CoroutineRunner
from inference.serving.cache_policy import MIN_UNITS
from tests.inference.scripts.contract_scripts import SCRIPTS, TUTORIAL

ROOT = Path(__file__).resolve().parents[3]


async def answers(scorer, *requests):
    return [await scorer.score(request) for request in requests]


async def test_a_run_that_gets_only_the_body_is_cached_for_posts_and_gets(
    script_dir, make_scorer, request_of
):
    store = MemoryCache()
    scorer = make_scorer(script_dir(SCRIPTS["echo"]), store)
    asked = request_of(b"", method="GET", query="a=1")
    posted = request_of(b'{"a": 1}', "application/json")
    assert [answer.cache for answer in await answers(scorer, asked, posted)] == ["miss", "hit"]
    assert len(store) == 1


@pytest.mark.parametrize("name", ["raw", "headed", "raw_headed"])
async def test_a_run_that_gets_the_request_or_its_headers_is_not_cached(
    script_dir, make_scorer, request_of, name
):
    store = MemoryCache()
    scorer = make_scorer(script_dir(SCRIPTS[name]), store)
    same = request_of(b"x", headers={"x-own": "o", "host": "h"})
    assert [answer.cache for answer in await answers(scorer, same, same)] == ["bypass", "bypass"]
    assert len(store) == 0


async def test_a_response_that_a_script_made_is_never_stored(script_dir, make_scorer, request_of):
    store = MemoryCache()
    scorer = make_scorer(script_dir(SCRIPTS["answers"]), store)
    made = await answers(scorer, request_of(b"x"), request_of(b"x"))
    assert [(answer.cache, answer.status) for answer in made] == [("bypass", 201)] * 2
    assert len(store) == 0


async def test_a_script_answers_json_whatever_its_caller_accepts(
    script_dir, make_scorer, request_of
):
    scorer = make_scorer(script_dir(SCRIPTS["echo"]))
    answer = await scorer.score(request_of(b"x", accept="image/png"))
    assert (answer.content_type, answer.body) == ("application/json", b'"x"')


async def test_async_init_and_run_share_one_event_loop(script_dir, make_scorer, request_of):
    folder = script_dir(
        "import asyncio\n"
        "async def init():\n    global opened\n    opened = asyncio.get_running_loop()\n"
        "async def run(data):\n"
        "    await asyncio.sleep(0)\n"
        "    return asyncio.get_running_loop() is opened\n"
    )
    scorer = make_scorer(folder)
    made = await answers(scorer, request_of(b"1"), request_of(b"2"))
    assert [answer.body for answer in made] == [b"true", b"true"]


async def test_a_coroutine_that_exits_fails_and_the_next_one_is_answered(
    script_dir, make_scorer, request_of
):
    folder = script_dir(
        "import sys\ndef init(): ...\n"
        "async def run(data):\n    if data == 'exit': sys.exit(3)\n    return data\n"
    )
    scorer = make_scorer(folder)
    with pytest.raises(ScriptFailed, match=r"SystemExit at score\.py:\d+ run"):
        await scorer.score(request_of(b"exit"))
    assert (await scorer.score(request_of(b"next"))).body == b'"next"'


def test_a_thread_that_ends_closes_its_loop():
    loops = []

    async def call():
        import asyncio

        loops.append(asyncio.get_running_loop())

    runner = CoroutineRunner()
    thread = threading.Thread(target=lambda: runner.resolve(call()))
    thread.start()
    thread.join(5)
    gc.collect()
    assert [loop.is_closed() for loop in loops] == [True]


async def test_the_tutorials_script_runs_with_todays_import_of_joblib(
    script_dir, make_scorer, request_of, monkeypatch
):
    folder = script_dir(TUTORIAL)
    model = LinearRegression().fit([[0, 0], [1, 0], [0, 1]], [1, 3, 4])
    joblib.dump(model, folder / "model.pkl")
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(folder))
    body = orjson.dumps({"data": [[2, 5], [1, 1]]})
    answer = await make_scorer(folder).score(request_of(body, "application/json"))
    assert orjson.loads(answer.body) == model.predict(np.array([[2.0, 5], [1, 1]])).tolist()


REAL = """
import sys
sys.path.insert(0, {folder!r})
from inference.scripts.aml import aliases
aliases.install()
from azureml.contrib.services.aml_request import rawhttp
from azureml.contrib.services.aml_response import AMLResponse
rawhttp(print)
print(rawhttp.__module__, AMLResponse.__module__, aliases.is_rawhttp_used())
"""


def _run(code: str) -> list[str]:
    told = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return told.stdout.split()


def test_an_installed_package_is_imported_instead_of_ours_name_by_name(tmp_path):
    services = tmp_path / "azureml" / "contrib" / "services"
    services.mkdir(parents=True)
    (services / "aml_request.py").write_text(
        "_rawHttpRequested = False\n"
        "def rawhttp(func):\n"
        "    global _rawHttpRequested\n"
        "    _rawHttpRequested = True\n"
        "    return func\n"
    )
    told = _run(REAL.format(folder=str(tmp_path)))
    assert told == [
        "azureml.contrib.services.aml_request",
        "inference.scripts.aml.aml_response",
        "True",
    ]


def test_the_core_imports_no_package_that_only_some_scripts_need():
    code = (
        "import sys\n"
        "import inference.serving.scorer\n"
        "print(*(name in sys.modules for name in ('werkzeug', 'inference_schema', 'pandas')))"
    )
    assert _run(code) == ["False", "False", "False"]


def test_the_aliases_are_installed_once():
    aliases.install()
    before = list(sys.meta_path)
    aliases.install()
    assert sys.meta_path == before


async def test_equal_requests_are_coalesced_after_a_long_series_of_misses(
    script_dir, make_scorer, request_of
):
    slow = "import time\ndef init(): ...\ndef run(data):\n    time.sleep(0.03)\n    return 1\n"
    scorer = make_scorer(script_dir(slow))
    for number in range(MIN_UNITS + 1):
        await scorer.score(request_of(f"other {number}".encode(), "text/plain"))
    equal = (scorer.score(request_of(b"equal", "text/plain")) for _ in range(6))
    told = await asyncio.gather(*equal)
    assert sorted(answer.cache for answer in told) == ["joined"] * 5 + ["miss"]


LOOP = """
import asyncio
{top}
async def double(data): return data * 2
def init():
    global started
    started = {init}
def run(data):
    loop = asyncio.get_event_loop()
    answer = loop.run_until_complete(double(data))
    {end}
    return [answer, loop is started]
"""


@pytest.mark.parametrize(
    ("init", "end", "same"),
    [
        ("asyncio.get_event_loop()", "", True),
        ("None", "loop.close()", False),
        ("None", "asyncio.run(double(data))", False),
        ("asyncio.new_event_loop(); asyncio.set_event_loop(started)", "", True),
    ],
)
async def test_a_plain_run_may_use_the_current_event_loop(
    script_dir, make_scorer, request_of, init, end, same
):
    scorer = make_scorer(script_dir(LOOP.format(top="", init=init, end=end)))
    for body in (b"a", b"b", b"c"):
        answer = await scorer.score(request_of(body))
        assert orjson.loads(answer.body) == [body.decode() * 2, same]
