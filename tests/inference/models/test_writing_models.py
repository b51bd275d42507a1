"""A model that writes into the rows it gets changes nobody else's rows."""

import numpy as np
import orjson
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

import deploy
from inference.models.sklearn_model import SklearnModel
from inference.rows.schema import Schema
from tests.deploy import described

ROWS = np.random.default_rng(5).normal(5, 2, (60, 3))
LABELS = (ROWS[:, 0] > 5).astype(int)
ASKED = ROWS[:4]


def overwrite(rows):
    rows += 1
    return rows


STEPS = {
    "a scaler": lambda: StandardScaler(copy=False),
    "another scaler": lambda: MinMaxScaler(copy=False),
    "a function": lambda: FunctionTransformer(overwrite),
}


def fitted(step, rows):
    model = make_pipeline(step, RandomForestClassifier(9, random_state=0))
    return model.fit(rows.copy(), LABELS)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("checked", [False, True])
def test_the_rows_are_after_a_call_as_before(step, checked):
    answer = SklearnModel(fitted(STEPS[step](), ROWS)).answer_function(
        "predict", Schema(features=3), checked=checked
    )
    given = ASKED.copy()
    assert list(answer(given)) == list(answer(given))
    assert np.array_equal(given, ASKED)


@pytest.mark.parametrize("step", ["a scaler", "another scaler"])
async def test_probabilities_are_of_the_rows_that_the_labels_are_of(
    tmp_path, make_scorer, request_of, step
):
    model = fitted(STEPS[step](), ROWS)
    described.describe(tmp_path, model)
    body = orjson.dumps(ASKED.tolist())
    request = request_of(body, query="output=probabilities")
    answer = await make_scorer(tmp_path).score(request)
    expected = model.predict_proba(ASKED.copy()).tolist()
    assert orjson.loads(answer.body)["probabilities"] == expected


@pytest.mark.parametrize("names", [["a", "b", "c"], None])
def test_such_a_model_is_described_and_leaves_the_training_rows(tmp_path, names):
    rows = ROWS.copy() if names is None else pd.DataFrame(ROWS.copy(), columns=names)
    model = make_pipeline(StandardScaler(copy=False), LogisticRegression())
    model.fit(rows.copy(), LABELS)
    deploy.describe(model, rows, tmp_path, method="predict_proba")
    assert np.array_equal(np.asarray(rows), ROWS)
    answers = described.answers(
        described.load(tmp_path), orjson.dumps(ASKED.tolist()), "application/json"
    )
    assert np.allclose(answers, model.predict_proba(rows[:4].copy()), rtol=1e-9)
