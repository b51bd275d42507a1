"""The Open Inference Protocol in front of every kind of model."""

import json

import joblib
import numpy as np
import pandas as pd
import pytest
import tritonclient.http as triton
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import IsolationForest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from deploy import manifest
from inference.models import manifest_file
from inference.request import Request
from tests.triggers.http_trigger.v2_requests import asking, inputs, output, tensor
from triggers.http_trigger.open_inference_blueprint import OpenInferenceHandler

ROWS = np.random.default_rng(1).random((40, 3))
NAMED = pd.DataFrame(ROWS, columns=["a", "b", "c"])
CLASSES = (ROWS.sum(axis=1) > 1.5).astype(int)
MIXED = pd.DataFrame(
    {
        "age": [31.0, 45.5, None, 23.0, 61.0, 38.0],
        "city": ["Oslo", "Rome", "Rome", None, "Oslo", "Bonn"],
        "member": [True, False, True, True, False, False],
    }
)
TEXTS = ["good, very good", "bad", "not good", "fine day", ""]


def mixed():
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["age"]),
            ("kinds", OneHotEncoder(handle_unknown="ignore"), ["city", "member"]),
        ]
    )
    return make_pipeline(columns, LogisticRegression()).fit(MIXED, list("yynnyn"))


@pytest.fixture
def served(tmp_path, make_scorer):
    """`served(estimator, method=…, rows=…)`: a scorer of the model, described with those rows."""

    def make(estimator, method="predict", rows=None):
        joblib.dump(estimator, tmp_path / "model.joblib")
        rows_file = None if rows is None else tmp_path / "rows.json"
        if rows is not None:
            rows_file.write_text(rows)
        manifest_file.write(
            tmp_path, manifest.describe(tmp_path, method=method, rows_file=rows_file)
        )
        return make_scorer(tmp_path)

    return make


async def infer(scorer, *tensors):
    return await OpenInferenceHandler(scorer).infer(
        asking(inputs(*tensors), name=scorer.model.name)
    )


async def metadata(scorer):
    response = await OpenInferenceHandler(scorer).model(
        asking(method="GET", name=scorer.model.name)
    )
    return json.loads(response.get_body())


async def test_columns_go_by_name_where_it_knows_names_and_others_are_left_out(served):
    model = LogisticRegression().fit(NAMED, CLASSES)
    scorer = served(model, "predict_proba", NAMED.to_json(orient="records"))
    columns = [tensor(NAMED[name].tolist(), name=name) for name in "cab"]
    extra = tensor(["?"] * len(ROWS), "BYTES", name="comment")
    by_name = output(await infer(scorer, *columns, extra))
    whole = output(await infer(scorer, tensor(ROWS.tolist())))
    assert by_name == whole
    assert (whole["name"], whole["datatype"]) == ("predict_proba", "FP64")
    assert whole["shape"] == [40, 2]
    assert np.allclose(np.reshape(whole["data"], (40, 2)), model.predict_proba(NAMED), rtol=1e-12)


async def test_a_frame_takes_a_tensor_a_column_with_missing_cells(served):
    model = mixed()
    scorer = served(model, rows=MIXED.to_json(orient="records"))
    cities = [["Oslo"], ["Rome"], ["Rome"], [None], ["Oslo"], ["Bonn"]]
    columns = [
        tensor([True, False, True, True, False, False], "BOOL", name="member"),
        tensor([31.0, 45.5, None, 23.0, 61.0, 38.0], name="age"),
        tensor(cities, "BYTES", name="city"),
    ]
    answered = output(await infer(scorer, *columns))
    assert answered["datatype"] == "BYTES"
    assert answered["data"] == model.predict(MIXED).tolist()
    for incomplete in (columns[:2], [tensor([[1.0, 2.0, 3.0]])]):
        refused = await infer(scorer, *incomplete)
        assert refused.status_code == 422
        assert "expected present, got missing" in json.loads(refused.get_body())["error"]


async def test_texts_and_truths_go_both_ways_as_tritons_client_writes_and_reads_them(served):
    model = mixed()
    scorer = served(model, rows=MIXED.to_json(orient="records"))
    whole = MIXED.dropna()
    columns = []
    for name, datatype in (("city", "BYTES"), ("age", "FP64"), ("member", "BOOL")):
        values = whole[[name]].to_numpy(object if datatype == "BYTES" else None)
        column = triton.InferInput(name, list(values.shape), datatype)
        columns.append(column.set_data_from_numpy(values))
    body, length = triton.InferenceServerClient.generate_request_body(columns)
    response = await OpenInferenceHandler(scorer).infer(
        asking(body=body, name=scorer.model.name, inference_header_content_length=str(length))
    )
    assert response.status_code == 200, response.get_body()
    result = triton.InferenceServerClient.parse_response_body(
        response.get_body(),
        header_length=int(response.headers["inference-header-content-length"]),
    )
    assert result.as_numpy("predict").tolist() == [
        label.encode() for label in model.predict(whole).tolist()
    ]


async def test_a_missing_truth_is_null(served):
    scorer = served(mixed(), rows=MIXED.to_json(orient="records"))
    row = [tensor([30.0], name="age"), tensor(["Oslo"], "BYTES", name="city")]
    answered = output(await infer(scorer, *row, tensor([None], "BOOL", name="member")))
    row = MIXED.iloc[:1].assign(age=30.0, member=None)
    assert answered["data"] == joblib.load(scorer.settings.model_dir / "model.joblib").predict(row)


async def test_a_model_of_texts_takes_one_tensor_of_bytes(served):
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, [1, 0, 0, 1, 0])
    scorer = served(model, rows=json.dumps(TEXTS))
    flat = output(await infer(scorer, tensor(TEXTS, "BYTES")))
    nested = output(await infer(scorer, tensor([[text] for text in TEXTS], "BYTES")))
    assert flat == nested
    assert flat["data"] == model.predict(TEXTS).tolist()


async def test_the_metadata_lists_inputs_that_are_answered_and_the_outputs_that_come(served):
    text = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, [1, 0, 0, 1, 0])
    fill = {"FP64": [0.5, 0.25], "BOOL": [True, False], "BYTES": ["Oslo", "good"]}
    for model, rows in (
        (LogisticRegression().fit(ROWS, CLASSES), json.dumps(ROWS.tolist())),
        (LogisticRegression().fit(NAMED, CLASSES), json.dumps(ROWS.tolist())),
        (mixed(), MIXED.to_json(orient="records")),
        (text, json.dumps(TEXTS)),
    ):
        scorer = served(model, rows=rows)
        described = await metadata(scorer)
        tensors = []
        for each in described["inputs"]:
            shape = [2, *each["shape"][1:]]
            data = np.resize(np.array(fill[each["datatype"]], object), shape).tolist()
            tensors.append(tensor(data, each["datatype"], name=each["name"]))
        answered = output(await infer(scorer, *tensors))
        (promised,) = described["outputs"]
        assert (answered["name"], answered["datatype"]) == (promised["name"], promised["datatype"])
        assert answered["shape"] == [2, *promised["shape"][1:]]


async def test_the_metadata_names_the_columns_where_the_model_does(served):
    described = await metadata(served(mixed(), rows=MIXED.to_json(orient="records")))
    assert [(each["name"], each["datatype"]) for each in described["inputs"]] == [
        ("age", "FP64"),
        ("city", "BYTES"),
        ("member", "BOOL"),
    ]
    described = await metadata(served(LogisticRegression().fit(ROWS, CLASSES)))
    assert described["inputs"] == [{"name": "input-0", "datatype": "FP64", "shape": [-1, 3]}]
    assert described["platform"] == "sklearn_pickle"


@pytest.mark.parametrize(
    ("estimator", "method", "datatype", "shape"),
    [
        (LinearRegression().fit(ROWS, ROWS.sum(axis=1)), "predict", "FP64", []),
        (LinearRegression().fit(ROWS, ROWS), "predict", "FP64", [3]),
        (LogisticRegression().fit(ROWS, CLASSES == 1), "predict", "BOOL", []),
        (LogisticRegression().fit(ROWS, CLASSES.astype(str)), "predict", "BYTES", []),
        (IsolationForest(n_estimators=5).fit(ROWS), "predict", "INT64", []),
        (StandardScaler().fit(ROWS), "transform", "FP64", [3]),
        (
            MultiOutputClassifier(LogisticRegression()).fit(ROWS, np.c_[CLASSES, 1 - CLASSES]),
            "predict_proba",
            "FP64",
            [2, 2],
        ),
    ],
)
async def test_an_output_has_the_datatype_and_shape_of_what_the_model_answers(
    served, estimator, method, datatype, shape
):
    rows = json.dumps(ROWS[:4].tolist())
    scorer = served(estimator, method, rows)
    answered = output(await infer(scorer, tensor(ROWS[:4].tolist())))
    kept = await scorer.score(Request(id="r", source="http", body=rows.encode()))
    assert kept.cache == "hit"
    assert (answered["name"], answered["datatype"]) == (method, datatype)
    assert answered["shape"] == [4, *shape]
    assert answered["data"] == np.ravel(json.loads(kept.body)).tolist()
