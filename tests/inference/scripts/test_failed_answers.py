"""What a script answers instead of raising is sent, and not cached."""

import collections
import json
import logging
import sys
import types

import orjson
import pytest

from cache.memory_cache import MemoryCache
from inference.errors import ModelUnavailable, ScriptFailed
from inference.scripts.failed_answers import reports_error

FLAKY = """
import json
calls = 0
def init(): pass
def run(data):
    global calls
    calls += 1
    try:
        if calls == 1: raise TimeoutError("the feature store did not answer")
        return {good}
    except TimeoutError as error:
        return {bad}
"""
ROWS = """
import numpy as np
from inference_schema.schema_decorators import input_schema
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
rows_independent = True
calls = []
def init(): pass
@input_schema("data", StandardPythonParameterType([1]))
def run(data):
    calls.append(data)
    return [{"error": "odd"} if row % 2 and len(calls) == 1 else row for row in data]
"""


async def caches(scorer, request_of, *bodies: bytes) -> list[str]:
    answers = [await scorer.score(request_of(body, "application/json")) for body in bodies]
    return [answer.cache for answer in answers]


@pytest.mark.parametrize(
    "bad",
    [
        '{"error": str(error)}',
        'json.dumps({"error": str(error)})',
        'json.dumps({"error": str(error)}).encode()',
        '{"error": str(error), "result": None}',
        '[{"error": str(error)}]',
        '({"error": str(error)}, 500)',
        '{"Error": {"code": 5}}',
        '{"error": "x" * 100_000}',
        'json.dumps({"error": "x" * 100_000}, indent=2)',
    ],
)
async def test_an_answer_that_reports_an_error_is_not_cached_and_logged(
    script_dir, make_scorer, request_of, caplog, bad
):
    store = MemoryCache()
    script = FLAKY.replace("{good}", "{'result': calls}").replace("{bad}", bad)
    scorer = make_scorer(script_dir(script), store)
    with caplog.at_level(logging.WARNING):
        assert await caches(scorer, request_of, b"{}", b"{}", b"{}") == ["bypass", "miss", "hit"]
    lines = [line for line in caplog.messages if "is not cached" in line]
    assert len(lines) == 1
    assert lines[0].startswith(f"request {request_of(b'{}').id!r}: the script answers")
    assert "feature store" not in caplog.text
    assert len(store) == 1


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        ({"error": None}, True),
        ({"error": 0.1}, True),
        ({"error": True, "message": "m"}, True),
        ({"error": ["a"], "x": 1}, True),
        ({"error": None, "result": 1}, False),
        ({"error": "", "result": 1}, False),
        ({"error": [], "result": 1}, False),
        ({"error": False, "result": 1}, False),
        ({"prediction": 3.0, "error": 0.1}, False),
        ({"result": {"error": "x"}}, False),
        ({1: "error"}, False),
        ("error", False),
        ("an error", False),
        ('"error"', False),
        ('{"result": "error"}', False),
        ('{"error"', False),
        (b"\xff error", False),
        ([1, 2], False),
        ([1, {"error": "x"}], True),
        (collections.OrderedDict(error="x"), True),
        (None, False),
        (7, False),
    ],
)
def test_what_is_taken_for_an_error(answer, failed):
    assert reports_error(answer) is failed


async def test_is_failure_decides_for_the_script(script_dir, make_scorer, request_of):
    script = FLAKY.replace("{good}", "{'error': 'of measurement'}").replace("{bad}", "'sorry'")
    scorer = make_scorer(script_dir(f"{script}\ndef is_failure(answer): return answer == 'sorry'"))
    assert await caches(scorer, request_of, b"{}", b"{}", b"{}") == ["bypass", "miss", "hit"]


async def test_an_error_in_is_failure_is_the_scripts(script_dir, make_scorer, request_of):
    script = "def init(): ...\ndef run(data): return data\ndef is_failure(answer): return 1 / 0\n"
    with pytest.raises(ScriptFailed, match="ZeroDivisionError at"):
        await make_scorer(script_dir(script)).score(request_of(b"x"))


@pytest.mark.parametrize(
    "line", ["is_failure = 'no'", "cacheable = 'no'", "cacheable = None", "cacheable = 0"]
)
async def test_a_declaration_of_another_kind_is_refused(script_dir, make_scorer, request_of, line):
    script = f"{line}\ndef init(): ...\ndef run(data): return data\n"
    with pytest.raises(ModelUnavailable, match=rf"{line.split()[0]}: expected"):
        await make_scorer(script_dir(script)).score(request_of(b"x"))


async def test_a_script_may_say_that_nothing_is_cached(script_dir, make_scorer, request_of):
    store = MemoryCache()
    script = (
        "cacheable = False\nn = 0\ndef init(): ...\n"
        "def run(data):\n    global n\n    n += 1\n    return n\n"
    )
    scorer = make_scorer(script_dir(script), store)
    answers = [await scorer.score(request_of(b"x")) for _ in range(3)]
    assert [answer.body for answer in answers] == [b"1", b"2", b"3"]
    assert [answer.cache for answer in answers] == ["bypass"] * 3
    assert len(store) == 0


async def test_a_script_that_collects_its_data_gets_every_request(
    script_dir, make_scorer, request_of, monkeypatch
):
    for name in ("azureml", "azureml.ai", "azureml.ai.monitoring"):
        module = types.ModuleType(name)
        module.__path__ = []
        monkeypatch.setitem(sys.modules, name, module)
    script = "import azureml.ai.monitoring\ndef init(): ...\ndef run(data): return data\n"
    scorer = make_scorer(script_dir(script))
    assert await caches(scorer, request_of, b"x", b"x") == ["bypass", "bypass"]


async def test_only_the_rows_that_failed_are_computed_again(script_dir, make_scorer, request_of):
    scorer = make_scorer(script_dir(ROWS))
    bodies = [json.dumps({"data": rows}).encode() for rows in ([1, 2, 3, 4], [1, 2, 3, 4])]
    answers = [
        orjson.loads((await scorer.score(request_of(body, "application/json"))).body)
        for body in bodies
    ]
    assert answers == [[{"error": "odd"}, 2, {"error": "odd"}, 4], [1, 2, 3, 4]]
    script = await scorer.script()
    assert script._run.__globals__["calls"] == [[1, 2, 3, 4], [1, 3]]
