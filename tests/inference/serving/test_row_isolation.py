import asyncio
import math

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.errors import MalformedInput, ScriptFailed, UnfitInput
from inference.scripts.array_rows import ArrayRows
from inference.scripts.question import Question
from inference.serving.prediction import Prediction
from inference.serving.row_isolation import MAX_REFUSED_FIRST, RowIsolation, row_error


class Model:
    """Doubles each row. Refuses every call with a row that is in `refused`."""

    def __init__(self, refused) -> None:
        self.refused, self.calls = refused, 0

    async def predict(self, question):
        self.calls += 1
        values = question.values[:, 0].tolist()
        if self.refused.intersection(values):
            return ScriptFailed("ValueError at model.py:1 f")
        return Prediction(orjson.dumps([2 * value for value in values]), "miss", hits=1)


def rows(count):
    return ArrayRows(np.arange(count, dtype=float).reshape(-1, 1))


@given(st.integers(1, 300), st.sets(st.integers(0, 299), max_size=MAX_REFUSED_FIRST - 1))
def test_each_row_that_is_not_refused_has_its_prediction(count, refused):
    model = Model(refused)
    isolated = asyncio.run(RowIsolation(model.predict, "r").predict(rows(count)))
    inside = {row for row in refused if row < count}
    assert set(isolated.refused) == inside
    expected = [2.0 * row for row in range(count) if row not in inside]
    assert orjson.loads(isolated.predictions) == expected
    assert model.calls <= 1 + 2 * len(inside) * math.ceil(math.log2(count + 1))


async def test_a_model_that_answers_no_row_is_broken_after_a_few():
    model = Model(set(range(1000)))
    with pytest.raises(ScriptFailed):
        await RowIsolation(model.predict, "r").predict(rows(1000))
    assert model.calls < 3 * MAX_REFUSED_FIRST


async def test_a_model_that_has_answered_a_row_may_refuse_any_number_after_it():
    model = Model(set(range(1, 100)))
    isolation = RowIsolation(model.predict, "r")
    assert len((await isolation.predict(rows(100))).refused) == 99
    isolation.require_answers()


async def test_a_file_of_few_rows_that_are_all_refused_ends_with_the_models_error():
    isolation = RowIsolation(Model({0.0, 1.0}).predict, "r")
    await isolation.predict(rows(2))
    with pytest.raises(ScriptFailed):
        isolation.require_answers()


async def test_rows_that_depend_on_each_other_are_refused_together():
    async def refuse(question):
        return UnfitInput(field="data", expected="numbers", got="others")

    question = Question([[1.0], [2.0]], memoryview(b""), "f8", (2, 1), rows=2)
    with pytest.raises(UnfitInput):
        await RowIsolation(refuse, "r").predict(question)


async def test_many_refused_rows_make_one_line_in_the_log(caplog):
    isolation = RowIsolation(Model({3.0, 5.0, 8.0}).predict, "request-1")
    await isolation.predict(rows(10))
    (record,) = caplog.records
    assert record.getMessage().startswith("request 'request-1': the script raised")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            UnfitInput(field="data", expected="finite numbers", got="inf"),
            "row 7: expected finite numbers, got inf",
        ),
        (
            ScriptFailed("ValueError at a.py"),
            "row 7: expected values that the model answers, got script_failed (ValueError at a.py)",
        ),
        (MalformedInput("line 3 is not JSON"), "line 3 is not JSON"),
    ],
)
def test_the_error_of_a_row_names_the_row(error, says):
    assert str(row_error(error, 7)) == says
