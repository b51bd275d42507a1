"""`?output=probabilities`: the label with the probability of each class, in every format."""

import io
import json

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multioutput import ClassifierChain
from sklearn.svm import LinearSVC

from deploy import manifest
from inference.errors import UnfitInput
from inference.models import manifest_file

ROWS = np.random.default_rng(0).normal(size=(40, 2))
LABELS = np.where(ROWS[:, 0] > 0, "up", "down")
ASKED = [[0.5, 1.0], [-2.0, 0.25]]


@pytest.fixture
def served(tmp_path, make_scorer):
    def serve(model, **options):
        joblib.dump(model, tmp_path / "model.joblib")
        manifest_file.write(tmp_path, manifest.describe(tmp_path, **options))
        return make_scorer(tmp_path)

    return serve


@pytest.fixture
def ask(request_of):
    async def asked(scorer, accept="application/json", output="probabilities"):
        request = request_of(json.dumps(ASKED).encode(), "application/json")
        request.query, request.accept = f"output={output}", accept
        return await scorer.score(request)

    return asked


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
async def test_json_has_labels_and_probabilities_together(served, ask, method):
    model = LogisticRegression().fit(ROWS, LABELS)
    scorer = served(model, method=method)
    for _ in range(2):  # the second one is from the cache
        answer = json.loads((await ask(scorer)).body)
        assert answer["predictions"] == model.predict(ASKED).tolist()
        assert answer["classes"] == ["down", "up"]
        assert np.allclose(answer["probabilities"], model.predict_proba(ASKED), rtol=1e-12)
    plain = json.loads((await ask(scorer, output="predictions")).body)
    assert np.array(plain).shape == ((2,) if method == "predict" else (2, 2))


async def test_other_formats_have_a_column_for_each_class(served, ask):
    model = LogisticRegression().fit(ROWS, LABELS)
    scorer = served(model)
    names = ["prediction", "probability_down", "probability_up"]
    expected = [
        [label, *row]
        for label, row in zip(model.predict(ASKED), model.predict_proba(ASKED), strict=True)
    ]
    answer = await ask(scorer, "text/csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    lines = answer.body.decode().splitlines()
    assert lines[0].split(",") == names
    assert [line.split(",")[0] for line in lines[1:]] == [row[0] for row in expected]
    records = [json.loads(line) for line in (await ask(scorer, "application/jsonl")).body.split()]
    tables = [
        pq.read_table(
            io.BytesIO((await ask(scorer, "application/vnd.apache.parquet")).body)
        ).to_pylist(),
        pa.ipc.open_stream((await ask(scorer, "application/vnd.apache.arrow.stream")).body)
        .read_all()
        .to_pylist(),
        records,
    ]
    for rows in tables:
        assert [list(row) for row in rows] == [names, names]
        assert [next(iter(row.values())) for row in rows] == [row[0] for row in expected]
        got = [list(row.values())[1:] for row in rows]
        assert np.allclose(got, [row[1:] for row in expected])
    array = np.load(io.BytesIO((await ask(scorer, "application/x-npy")).body))
    assert list(array.dtype.names) == names


async def test_a_model_of_several_outputs_has_columns_for_each_of_them(served, ask):
    both = np.stack([LABELS, np.where(ROWS[:, 1] > 0, "a", "b")], axis=1)
    model = RandomForestClassifier(3, random_state=0).fit(ROWS, both)
    scorer = served(model)
    answer = json.loads((await ask(scorer)).body)
    assert answer["predictions"] == model.predict(ASKED).tolist()
    assert answer["classes"] == [["down", "up"], ["a", "b"]]
    expected = [
        list(row) for row in zip(*(p.tolist() for p in model.predict_proba(ASKED)), strict=True)
    ]
    assert answer["probabilities"] == expected
    header = (await ask(scorer, "text/csv")).body.decode().splitlines()[0]
    assert header == (
        "prediction_0,prediction_1,probability_0_down,probability_0_up,probability_1_a,"
        "probability_1_b"
    )


@pytest.mark.parametrize(
    "model", [Ridge().fit(ROWS, ROWS[:, 0]), LinearSVC().fit(ROWS, LABELS)], ids=repr
)
async def test_a_model_without_probabilities_says_so(served, ask, model):
    with pytest.raises(UnfitInput, match="output: expected predictions, since the model gives no"):
        await ask(served(model))


@pytest.mark.parametrize("described", [True, False])
async def test_a_chain_of_classifiers_gives_no_probability_of_each_class(
    served, ask, make_scorer, tmp_path, described
):
    """It gives a number for each output, where others give one for each class."""
    both = np.stack([LABELS == "up", ROWS[:, 1] > 0], axis=1).astype(int)
    scorer = served(ClassifierChain(LogisticRegression()).fit(ROWS, both))
    if not described:  # it has no golden rows
        (tmp_path / manifest_file.NAME).unlink()
        scorer = make_scorer(tmp_path, ALLOW_UNPINNED_MODEL="true")
    for accept in ("application/json", "text/csv", "application/jsonl"):
        with pytest.raises(UnfitInput, match="since the model gives no probabilities"):
            await ask(scorer, accept)
    assert len(json.loads((await ask(scorer, output="predictions")).body)) == len(ASKED)


@pytest.mark.parametrize("output", ["everything", ""])
async def test_an_unknown_output_is_refused(served, ask, output):
    scorer = served(LogisticRegression().fit(ROWS, LABELS))
    with pytest.raises(UnfitInput, match="output: expected one of predictions, probabilities, got"):
        await ask(scorer, output=output)
