"""The columns that scoring adds have the same names and values in every format."""

import io

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from inference.errors import UnfitInput
from inference.output_choice import PREDICTIONS, PROBABILITIES, Output
from inference.request import Request
from inference.rows import media_types
from inference.rows.output_options import OutputOptions
from inference.serving import table_scoring
from tests import scored_tables

GENERATOR = np.random.default_rng(0)
X = GENERATOR.random((60, 2))
HIGH = X.sum(axis=1) > 1
MODELS = {
    "labels": LogisticRegression().fit(X, np.where(HIGH, 'a,"b"', "no")),
    "booleans": LogisticRegression().fit(X, HIGH),
    "floats": LogisticRegression().fit(X, HIGH * 2.0),
    "numbers": LinearRegression().fit(X, X[:, 0]),
    "two numbers": LinearRegression().fit(X, X),
    "two labels": KNeighborsClassifier().fit(
        X, np.column_stack([np.where(HIGH, "x", "y"), np.where(X[:, 0] > 0.5, "p", "q")])
    ),
}
#: By model and what is asked for: the columns.
KINDS = {
    ("labels", PREDICTIONS): ["prediction"],
    ("numbers", PREDICTIONS): ["prediction"],
    ("two numbers", PREDICTIONS): ["prediction_0", "prediction_1"],
    ("two labels", PREDICTIONS): ["prediction_0", "prediction_1"],
    ("labels", PROBABILITIES): ["prediction", 'probability_a,"b"', "probability_no"],
    ("booleans", PROBABILITIES): ["prediction", "probability_false", "probability_true"],
    ("floats", PROBABILITIES): ["prediction", "probability_0.0", "probability_2.0"],
    ("two labels", PROBABILITIES): [
        *("prediction_0", "prediction_1"),
        *("probability_0_x", "probability_0_y", "probability_1_p", "probability_1_q"),
    ],
}
ROWS = [[0.9, 0.8], [0.1, 0.2], [0.7, 0.1]]


@pytest.fixture
def score(tmp_path, make_scorer):
    """`score(model, form, body, **options)`: the output."""

    async def run(model: str, form: str, body: bytes, environment=None, **options) -> bytes:
        folder = tmp_path / "model"
        folder.mkdir(exist_ok=True)
        joblib.dump(MODELS[model], folder / "model.joblib")
        scorer = make_scorer(folder, ALLOW_UNPINNED_MODEL="true", **(environment or {}))
        out = io.BytesIO()
        request = Request(id="b", source="blob", body=b"", content_type=form)
        output = OutputOptions(**options)
        await table_scoring.score(scorer, request, io.BytesIO(body), out.write, output=output)
        return out.getvalue()

    return run


def expected(model: str, asked: Output, rows) -> dict[str, list[object]]:
    """Our columns as the model itself says."""
    estimator = MODELS[model]
    labels = estimator.predict(rows)
    columns = labels.T.tolist() if labels.ndim == 2 else [labels.tolist()]
    if asked == PROBABILITIES:
        every = estimator.predict_proba(rows)
        for table in every if isinstance(every, list) else [every]:
            columns += table.T.tolist()
    return dict(zip(KINDS[model, asked], columns, strict=True))


def same(cells, wanted) -> bool:
    """Equal, but for the last digits of numbers, which depend on the rows in a batch."""
    return len(cells) == len(wanted) and all(
        cell == (pytest.approx(each) if isinstance(each, float) else each)
        for cell, each in zip(cells, wanted, strict=True)
    )


@pytest.mark.parametrize("form", media_types.FORMATS)
@pytest.mark.parametrize(("model", "asked"), KINDS)
async def test_every_format_has_the_same_columns(score, form, model, asked):
    """A row that fails has an error, and no other value of ours."""
    rows = [[*ROWS[0]], [0.5, None], [*ROWS[2]]]
    body = scored_tables.write(form, dict(zip("ab", zip(*rows, strict=True), strict=True)))
    columns = scored_tables.read(form, await score(model, form, body, output=asked))
    for name, cells in expected(model, asked, [rows[0], rows[2]]).items():
        assert same(columns[name], [cells[0], None, cells[1]]), name
    assert [bool(each) for each in columns["error"]] == [False, True, False]
    data = {"data"} if form == media_types.NPY else {"a", "b"}
    assert columns.keys() == data | {"error", *KINDS[model, asked]}


async def test_probabilities_of_a_model_without_any_are_refused_at_once(score):
    with pytest.raises(UnfitInput, match=r"output: .* the model gives no probabilities"):
        await score("numbers", media_types.CSV, b"", output=PROBABILITIES)


@pytest.mark.parametrize("form", media_types.FORMATS)
async def test_settings_name_the_columns(score, form):
    if form == media_types.JSON:
        return
    names = {"PREDICTION_COLUMN": "y", "ERROR_COLUMN": "why", "PROBABILITY_PREFIX": "p_"}
    body = scored_tables.write(form, {"a": [0.9, 0.5], "b": [0.8, None]})
    written = await score("booleans", form, body, names, output=PROBABILITIES)
    columns = scored_tables.read(form, written)
    assert {"y", "p_false", "p_true", "why"} <= columns.keys()
    assert columns["y"] == [True, None]


@pytest.mark.parametrize("form", [media_types.CSV, media_types.PARQUET, media_types.ARROW])
async def test_settings_name_the_columns_of_an_answer_too(tmp_path, make_scorer, form):
    folder = tmp_path / "model"
    folder.mkdir()
    joblib.dump(MODELS["labels"], folder / "model.joblib")
    names = {"PREDICTION_COLUMN": "y", "PROBABILITY_PREFIX": "p:"}
    scorer = make_scorer(folder, ALLOW_UNPINNED_MODEL="true", **names)

    async def columns(query: str) -> list[str]:
        request = Request(
            id="r", source="http", body=b"[[0.9,0.8]]", content_type="", accept=form, query=query
        )
        return list(scored_tables.read(form, (await scorer.score(request)).body))

    assert await columns("") == ["y"]
    assert await columns("output=probabilities") == ["y", 'p:a,"b"', "p:no"]
