"""Errors of scripts and models are described by kind and place; by their text only on request."""

import gc
import io
import logging
import sys
import threading
import traceback

import joblib
import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from deploy import manifest
from inference.errors import ModelUnavailable, ScoringError, UnfitInput
from inference.models import ModelId, manifest_file
from inference.request import Request
from inference.results import result_document
from inference.serving import table_scoring

SECRET = "account 4711"
INIT = "def init(): ...\n"
SCHEMA = (
    "from inference_schema.schema_decorators import input_schema\n"
    "from inference_schema.parameter_types.standard_py_parameter_type import"
    " StandardPythonParameterType\n"
)
#: By name: a script that raises while it answers, and the place that is shown.
RAISING = {
    "run": ("def run(data):\n    raise ValueError(data)\n", "ValueError at score.py:3 run"),
    "async run": (
        "async def run(data):\n    raise ValueError(data)\n",
        "ValueError at score.py:3 run",
    ),
    "a library under run": (
        "import json\ndef run(data):\n    return json.loads(data)\n",
        "JSONDecodeError at score.py:4 run",
    ),
    "exit": ("import sys\ndef run(data): sys.exit(data)\n", "SystemExit at score.py:3 run"),
    "a chain": (
        (
            "def run(data):\n    try: raise KeyError(data)\n"
            "    except KeyError as error: raise OSError(data) from error\n"
        ),
        "OSError at score.py:4 run",
    ),
    "a group": (
        "def run(data):\n    raise ExceptionGroup(data, [ValueError(data), KeyError(data)])\n",
        "ExceptionGroup at score.py:3 run",
    ),
    "a note": (
        "def run(data):\n    error = ValueError(data)\n    error.add_note(data)\n    raise error\n",
        "ValueError at score.py:5 run",
    ),
    "an error that fails to describe itself": (
        (
            "class Own(Exception):\n    def __str__(self): raise ValueError('account 4711')\n"
            "def run(data): raise Own\n"
        ),
        "Own at score.py:4 run",
    ),
    "a result that fails to be plain": (
        (
            "class Own:\n    def tolist(self): raise ValueError('account 4711')\n"
            "def run(data): return Own()\n"
        ),
        "can't be written as JSON: ValueError",
    ),
    "a result that exits": (
        (
            "import sys\nclass Own:\n    def tolist(self): sys.exit('account 4711')\n"
            "def run(data): return Own()\n"
        ),
        "SystemExit at score.py:4 tolist",
    ),
}
#: By name: a script that does not start, and what is shown of it.
UNSTARTED = {
    "init": ("def init(): raise ValueError('account 4711')\n", "ValueError at score.py:1 init"),
    "async init": (
        "async def init(): raise ValueError('account 4711')\n",
        "ValueError at score.py:1 init",
    ),
    "import": ("raise ValueError('account 4711')\n", "ValueError at score.py:1 <module>"),
    "exit": ("import sys\nsys.exit('account 4711')\n", "SystemExit at score.py:2 <module>"),
    "syntax": ("init = 'account 4711' run\n", "SyntaxError at score.py:1"),
    "declaration": (
        (
            "class Own:\n    def __repr__(self): raise ValueError('account 4711')\n"
            "rows_independent = Own()\ndef init(): ...\n"
        ),
        "expected True or False, got a value of type Own",
    ),
}


@pytest.fixture
def hooks(monkeypatch):
    """Restores Python's hooks after a test."""
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)


def everything_shown(error, request, caplog):
    """Every place that shows an error: its message, the platform's traceback, document, log."""
    document = result_document.failed(request, error, ModelId("m", "1")).decode()
    formatter = logging.Formatter("%(message)s")
    lines = [formatter.format(record) for record in caplog.records]
    return "\n".join([str(error), document, *traceback.format_exception(error), *lines])


async def failure(scorer, request):
    with pytest.raises(ScoringError) as raised:
        await scorer.score(request)
    return raised.value


@pytest.mark.parametrize("name", RAISING)
async def test_the_text_of_a_scripts_error_is_shown_nowhere(
    script_dir, make_scorer, caplog, name, hooks
):
    script, place = RAISING[name]
    request = Request(id="r-17", source="http", body=SECRET.encode())
    error = await failure(make_scorer(script_dir(INIT + script)), request)
    assert place in str(error)
    assert SECRET not in everything_shown(error, request, caplog)
    (line,) = [record.message for record in caplog.records if "r-17" in record.message]
    assert place.split()[0] in line or error.code in line


@pytest.mark.parametrize("name", ["run", "async run", "exit", "a chain"])
async def test_the_text_is_shown_if_the_setting_says_so(script_dir, make_scorer, caplog, name):
    script, _ = RAISING[name]
    request = Request(id="r-17", source="http", body=SECRET.encode())
    scorer = make_scorer(script_dir(INIT + script), SHOW_SCRIPT_ERRORS="true")
    error = await failure(scorer, request)
    assert SECRET in str(error)
    assert SECRET in caplog.text


@pytest.mark.parametrize("name", UNSTARTED)
async def test_the_text_of_an_error_at_start_is_shown_nowhere(
    script_dir, make_scorer, caplog, name, hooks
):
    script, place = UNSTARTED[name]
    scorer = make_scorer(script_dir(f"{script}\ndef run(data): ...\n"))
    request = Request(id="r-17", source="http", body=b"x")
    error = await failure(scorer, request)
    assert isinstance(error, ModelUnavailable)
    health = await scorer.health()
    assert place in health.failure
    assert SECRET not in health.failure + everything_shown(error, request, caplog)


async def test_a_model_file_that_fails_to_load_is_described_by_kind_and_place(
    tmp_path, make_scorer, caplog
):
    joblib.dump(_Unloadable(), tmp_path / "model.joblib")
    scorer = make_scorer(tmp_path, ALLOW_UNPINNED_MODEL="true")
    request = Request(id="r-17", source="http", body=b"[[1]]")
    error = await failure(scorer, request)
    assert "ValueError at test_script_errors.py:" in str(error)
    assert SECRET not in (await scorer.health()).failure + everything_shown(error, request, caplog)


async def test_a_model_that_fails_on_its_golden_rows_is_described_by_kind_and_place(
    tmp_path, make_scorer, caplog, monkeypatch
):
    joblib.dump(_Angry().fit([[0.0], [1.0]], [0, 1]), tmp_path / "model.joblib")
    manifest_file.write(tmp_path, manifest.describe(tmp_path))
    monkeypatch.setattr(_Angry, "above", -1.0)
    scorer = make_scorer(tmp_path)
    request = Request(id="r-17", source="http", body=b"[[1]]")
    error = await failure(scorer, request)
    assert "fails on its golden rows" in str(error)
    assert SECRET not in (await scorer.health()).failure + everything_shown(error, request, caplog)


async def test_an_error_of_a_model_is_described_by_kind_and_place(tmp_path, make_scorer, caplog):
    joblib.dump(_Angry().fit([[0.0], [1.0]], [0, 1]), tmp_path / "model.joblib")
    manifest_file.write(tmp_path, manifest.describe(tmp_path))
    request = Request(id="r-17", source="http", body=b"[[100001]]")
    error = await failure(make_scorer(tmp_path), request)
    assert "ValueError at test_script_errors.py:" in str(error)
    assert SECRET not in everything_shown(error, request, caplog)


async def test_a_failed_table_is_logged_with_its_id(tmp_path, make_scorer, caplog):
    joblib.dump(_Angry().fit([[0.0], [1.0]], [0, 1]), tmp_path / "model.joblib")
    manifest_file.write(tmp_path, manifest.describe(tmp_path))
    request = Request(id="blob-17", source="blob", body=b"", content_type="text/csv")
    with pytest.raises(ScoringError):
        await table_scoring.score(make_scorer(tmp_path), request, io.BytesIO(b"100001\n"), bytes)
    (line,) = [record.message for record in caplog.records if "blob-17" in record.message]
    assert "ValueError at " in line
    assert SECRET not in caplog.text


async def test_a_call_that_hangs_is_logged_with_the_id_of_its_request(
    script_dir, make_scorer, caplog
):
    script = "import threading\nhang = threading.Event()\ndef run(data): hang.wait()\n"
    scorer = make_scorer(script_dir(INIT + script), SCORING_TIMEOUT_S="0.2")
    await failure(scorer, Request(id="r-17", source="http", body=b"x"))
    (line,) = [record.message for record in caplog.records if "r-17" in record.message]
    assert "timeout" in line.lower()
    (await scorer.script())._run.__globals__["hang"].set()


async def test_a_librarys_text_about_a_value_goes_to_the_caller_and_not_to_the_log(
    script_dir, make_scorer, caplog, request_of
):
    script = f"{SCHEMA}{INIT}@input_schema('a', StandardPythonParameterType(1))\ndef run(a): ...\n"
    error = await failure(make_scorer(script_dir(script)), request_of(b'{"a": "account 4711"}'))
    assert isinstance(error, UnfitInput)
    assert "Expected: int" in str(error)
    assert SECRET not in caplog.text


async def test_an_error_of_a_scripts_own_type_is_described_by_kind_and_place(
    script_dir, make_scorer, caplog, request_of
):
    script = (
        "import numpy as np\n"
        "from inference_schema.schema_decorators import input_schema\n"
        "from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType\n"
        "class Own(NumpyParameterType):\n"
        "    def deserialize_input(self, value): raise ValueError('account 4711')\n"
        f"{INIT}@input_schema('a', Own(np.zeros(1)))\ndef run(a): ...\n"
    )
    request = request_of(b'{"a": [1]}')
    error = await failure(make_scorer(script_dir(script)), request)
    assert isinstance(error, UnfitInput)
    assert "ValueError at score.py:5 deserialize_input" in str(error)
    assert SECRET not in everything_shown(error, request, caplog)


LEFT_BEHIND = {
    "a thread": (
        "import threading\ndef fail(): raise ValueError('account 4711')\n"
        "def run(data):\n    each = threading.Thread(target=fail)\n"
        "    each.start()\n    each.join()\n"
    ),
    "a destructor": (
        "class Own:\n    def __del__(self): raise ValueError('account 4711')\n"
        "def run(data):\n    Own()\n"
    ),
    "a task": (
        "import asyncio, gc\nasync def fail(): raise ValueError('account 4711')\n"
        "async def run(data):\n    task = asyncio.create_task(fail())\n"
        "    await asyncio.sleep(0)\n    del task\n    gc.collect()\n"
    ),
}


@pytest.mark.parametrize("name", LEFT_BEHIND)
async def test_an_error_outside_a_request_is_logged_by_kind_and_place(
    script_dir, make_scorer, caplog, capfd, hooks, request_of, name
):
    scorer = make_scorer(script_dir(INIT + LEFT_BEHIND[name]))
    assert (await scorer.score(request_of(b"x"))).body == b"{}"
    gc.collect()
    assert "raised outside a request: ValueError at score.py:" in caplog.text
    formatter = logging.Formatter("%(message)s")
    logged = "".join(formatter.format(record) for record in caplog.records)
    assert SECRET not in logged + "".join(capfd.readouterr())


class _Unloadable:
    def __getstate__(self):
        return {"one": 1}

    def __setstate__(self, state):
        raise ValueError(SECRET)


class _Angry(DummyClassifier):  # type: ignore[misc]
    above = 100_000.0

    def predict(self, rows):
        if (np.asarray(rows) > self.above).any():
            raise ValueError(SECRET)
        return super().predict(rows)


TRACED = """
import json

class Unreadable(Exception): ...

def read(data):
    return json.loads(data)

def run(data):
    try:
        return read(data)
    except ValueError as error:
        raise Unreadable("a\\nb\\x1b[2J" + data) from error
"""


async def test_with_texts_the_log_has_the_traceback_of_the_scripts_own_frames(
    make_scorer, tmp_path, caplog
):
    (tmp_path / "score.py").write_text(INIT + TRACED)
    scorer = make_scorer(tmp_path, SHOW_SCRIPT_ERRORS="true")
    with pytest.raises(ScoringError):
        await scorer.score(Request(id="r1", source="http", body=b"x"))
    (record,) = [each for each in caplog.records if "r1" in each.getMessage()]
    first, *lines = record.getMessage().splitlines()
    assert first == r"request 'r1': the script raised Unreadable: a\nb\x1b[2Jx"
    frames = [line.rpartition("/")[2] for line in lines if line.startswith("  File")]
    assert frames == [
        'score.py", line 12, in run',
        'score.py", line 8, in read',
        'score.py", line 14, in run',
    ]
    assert "    return json.loads(data)" in lines
    assert lines[-1] == r"Unreadable: a\nb\x1b[2Jx"
    assert "which led to:" in lines
    assert "\x1b" not in record.getMessage()
