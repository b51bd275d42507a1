"""Scripts that declare their rows independent."""

import json

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.errors import ModelUnavailable, ResultUnserialisable, UnfitInput
from inference.rows.formats import json_codec
from inference.scripts import UserScript, independent_rows
from inference.scripts.independent_rows import ScriptRows
from tests.inference.scripts.contract_scripts import SCRIPTS

SCHEMA = """
import numpy as np
import pandas as pd
from inference_schema.schema_decorators import input_schema, output_schema
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.parameter_types.standard_py_parameter_type import (
    StandardPythonParameterType as Standard,
)
rows_independent = True
def init(): ...
"""
RESPONSE = "from azureml.contrib.services.aml_response import AMLResponse\n"


def declared(sample: str, run: str, name: str = "data") -> str:
    """A run() under @input_schema."""
    return f'@input_schema("{name}", {sample})\n{run}\n'


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@pytest.fixture
def loaded(script_dir):
    """`loaded(text)`: the script of that text, loaded."""

    def load(text: str) -> UserScript:
        folder = script_dir(text)
        script = UserScript(folder / "score.py", folder)
        script.load()
        return script

    return load


@pytest.fixture
def ask(request_of):
    """`ask(script, rows)`: the script's question for these rows."""

    def question(script: UserScript, rows: object) -> ScriptRows:
        asked = script.parse(request_of(json.dumps({"data": rows}).encode()))
        assert isinstance(asked, ScriptRows)
        return asked

    return question


@given(JSON_VALUES)
def test_only_equal_rows_have_equal_bytes(row):
    spelled = independent_rows.encode_row(row)
    # repr tells apart what == does not: 1 and 1.0 and True, 0.0 and -0.0; and NaN is itself.
    assert repr(json.loads(spelled)) == repr(row)
    assert independent_rows.encode_row(json.loads(json.dumps(row, indent=1))) == spelled


@given(st.lists(JSON_VALUES, min_size=1), st.data())
def test_rows_keep_their_values_when_they_are_taken_and_joined(rows, data):
    question = ScriptRows("data", [independent_rows.encode_row(row) for row in rows])
    chosen = data.draw(st.lists(st.sampled_from(range(len(rows))), min_size=1))
    part = question.take(chosen)
    assert len(part) == len(chosen)
    assert list(part.row_bytes()) == [question.row_bytes()[row] for row in chosen]
    both = part.join([question, part])
    whole = [*(rows[row] for row in chosen), *rows, *(rows[row] for row in chosen)]
    assert repr(both.arguments()) == repr({"data": whole})


def test_rows_of_two_requests_get_the_same_answers_in_one_call(loaded, ask):
    script = loaded(SCRIPTS["independent"])
    one, other = ask(script, [[1, 2], [3, 4]]), ask(script, [[5, 6]])
    apart = script.run_rows(one) + script.run_rows(other)
    assert script.run_rows(one.join([other])) == apart == [b"3.0", b"7.0", b"11.0"]
    assert script.run_rows(one.take([1])) == [b"7.0"]


def test_a_script_that_changes_its_rows_does_not_change_the_question(loaded, ask):
    run = 'def run(data): return [row.pop("a") for row in data]'
    script = loaded(SCHEMA + declared('Standard([{"a": 1}])', run))
    question = ask(script, [{"a": 1}, {"a": 2}])
    assert script.run_rows(question) == script.run_rows(question) == [b"1", b"2"]


async def test_equal_rows_in_different_spellings_are_one_cached_row(
    make_scorer, script_dir, request_of
):
    scorer = make_scorer(script_dir(SCRIPTS["independent"]))
    answers = [
        await scorer.score(request_of(body, "application/json", **more))
        for body, more in (
            (b'{"data": [[1, 2.0]]}', {}),
            (b'{ "data":[ [1,2.00] ], "unused": 7 }', {}),
            (b"", {"method": "GET", "query": "data=[[1,2e0]]"}),
            (b'{"data": [[2.0, 1]]}', {}),
        )
    ]
    assert [answer.cache for answer in answers] == ["miss", "hit", "hit", "miss"]
    assert {answer.body for answer in answers} == {b"[3.0]"}


@pytest.mark.parametrize(
    ("sample", "run"),
    [
        ("NumpyParameterType(np.array([1.0]))", "def run(data): return data * 2"),
        ("NumpyParameterType(np.array([1.0]))", "def run(data): return tuple(data * 2)"),
        ("Standard([1.0])", "def run(data): return [each * 2 for each in data]"),
        ("Standard([1.0])", "def run(data): return pd.Series(data) * 2"),
        ("Standard([1.0])", "async def run(data): return [each * 2 for each in data]"),
    ],
)
def test_rows_may_be_any_declared_list_and_answers_any_sequence(loaded, ask, sample, run):
    script = loaded(SCHEMA + declared(sample, run))
    assert list(map(json.loads, script.run_rows(ask(script, [1, 2])))) == [2, 4]


def test_a_frames_rows_are_records_and_its_answers_too(loaded, ask):
    sample = 'PandasParameterType(pd.DataFrame({"a": [1], "b": ["x"]}))'
    script = loaded(SCHEMA + declared(sample, "def run(data): return data.assign(a=data.a * 2)"))
    question = ask(script, [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}])
    assert script.run_rows(question) == [b'{"a":2,"b":"x"}', b'{"a":4,"b":"y"}']


@pytest.mark.parametrize(
    "value",
    [
        np.array([0.1, 2.0], np.float32),
        np.arange(4).reshape(2, 2),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(4).reshape(2, 2).view(np.matrix),
        [{"a": np.int64(1)}, None],
        pd.DataFrame({"a": [1.5, np.nan]}),
        [2**70, float("nan")],
    ],
)
def test_answers_by_row_are_the_pieces_of_the_whole_answer(value):
    assert b"[%b]" % b",".join(independent_rows.encode_answers(value, 2)) == json_codec.dumps(value)


@pytest.mark.parametrize(
    ("value", "got"),
    [
        ([1], "a list of 1"),
        (np.zeros((3, 2)), "a list of 3"),
        (7, "a value of type int"),
        (None, "None"),
        ({"a": 1, "b": 2}, "a value of type dict"),
        ({1, 2}, "a value of type set"),
        ("ab", "a value of type str"),
        (np.float64(1), "a value of type float64"),
        (np.array(1), "a value of type ndarray"),
    ],
)
def test_an_answer_that_is_not_a_list_of_one_item_a_row_is_refused(value, got):
    with pytest.raises(
        ResultUnserialisable, match=f"got 2 rows and returned {got}: rows_independent promises"
    ):
        independent_rows.encode_answers(value, 2)


def test_a_response_does_not_answer_independent_rows(loaded, ask):
    run = "def run(data): return AMLResponse('[1]', 200)"
    script = loaded(SCHEMA + RESPONSE + declared("Standard([1])", run))
    with pytest.raises(ResultUnserialisable, match="got 1 row and returned a response: "):
        script.run_rows(ask(script, [1]))


def test_a_value_that_is_not_a_list_of_rows_goes_to_the_script_as_it_is(loaded, request_of):
    script = loaded(SCHEMA + declared("Standard([1])", "def run(data): return len(data)"))
    assert script.run(script.parse(request_of(b'{"data": []}'))) == b"0"
    with pytest.raises(UnfitInput, match="Expected: list but got int"):
        script.run(script.parse(request_of(b'{"data": 7}')))


RUN = "def run(data): return 1"
RAW = "from azureml.contrib.services.aml_request import rawhttp\n@rawhttp\n"


@pytest.mark.parametrize(
    ("run", "says"),
    [
        (RUN, "declare its input with @input_schema"),
        (RAW + RUN, "declare its input with @input_schema"),
        (
            declared("Standard([1])", declared("Standard([1])", "def run(a, b): ...", "a"), "b"),
            "one parameter, the rows, instead of a, b",
        ),
        (
            declared("Standard([1])", "def run(data, request_headers): return 1"),
            "instead of data, request_headers",
        ),
        (declared('Standard("x")', RUN), "a list in JSON"),
        (
            declared('PandasParameterType(pd.DataFrame({"a": [1]}), orient="split")', RUN),
            "orient 'records' or 'values'",
        ),
        (f"@output_schema(Standard([1]))\n{RUN}", "a list in JSON"),
        (f"rows_independent = 'yes'\n{RUN}", "expected True or False, got a value of type str"),
    ],
)
def test_a_declaration_that_does_not_fit_run_stops_the_start_with_what_to_do(loaded, run, says):
    with pytest.raises(ModelUnavailable) as caught:
        loaded(SCHEMA + run)
    assert says in str(caught.value)


def test_rows_independent_false_changes_nothing(loaded, request_of):
    script = loaded("rows_independent = False\ndef init(): ...\ndef run(data): return data")
    assert script.run(script.parse(request_of(b"x"))) == orjson.dumps("x")
