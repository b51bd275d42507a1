"""ONNX files, as skl2onnx and others write them."""

import json
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import IsolationForest, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from deploy import manifest
from inference import models
from inference.errors import ModelUnavailable, UnfitInput
from inference.models import manifest_file
from inference.script_errors import SHOWN
from tests.schemas import frame

ROOT = Path(__file__).resolve().parents[3]
OPSETS = {"": 21, "ai.onnx.ml": 3}
ROWS = np.random.default_rng(0).normal(size=(200, 3))
LABELS = np.array(["no", "yes"])[(ROWS.sum(axis=1) > 0).astype(int)]


def save(folder, graph, method="predict", rows=None):
    """Write a graph and its manifest into a folder."""
    (folder / "model.onnx").write_bytes(graph.SerializeToString())
    described = manifest.describe(folder, method=method, rows_file=rows)
    manifest_file.write(folder, described)
    return described


def converted(model, tensor=DoubleTensorType, *, zipmap=False):
    return to_onnx(
        model,
        initial_types=[("X", tensor([None, ROWS.shape[1]]))],
        target_opset=OPSETS,
        options={"zipmap": zipmap} if hasattr(model, "classes_") else None,
    )


def handmade(inputs, nodes, output=TensorProto.FLOAT, initializers=(), shape=(None, None)):
    """A graph with these inputs (name, type, shape) and an output `Y`."""
    graph = helper.make_graph(
        nodes,
        "handmade",
        [helper.make_tensor_value_info(*each) for each in inputs],
        [helper.make_tensor_value_info("Y", output, list(shape))],
        initializer=list(initializers),
    )
    opset = helper.make_opsetid("", 21)
    return helper.make_model(graph, opset_imports=[opset], ir_version=10)


def answering(folder, method="predict"):
    model = models.load(folder / "model.onnx")
    return model.answer_function(method, model.schema(manifest_file.read(folder).features))


async def test_labels_are_the_models_own(tmp_path, make_scorer, request_of):
    model = LogisticRegression().fit(ROWS, LABELS)
    described = save(tmp_path, converted(model))
    assert described.framework == "onnx"
    assert described.features.kind == "array"
    assert described.features.count == 3
    body = json.dumps(ROWS[:20].tolist()).encode()
    answer = await make_scorer(tmp_path).score(request_of(body))
    assert json.loads(answer.body) == model.predict(ROWS[:20]).tolist()


@pytest.mark.parametrize("zipmap", [True, False])
def test_probabilities_are_an_array_however_the_graph_returns_them(tmp_path, zipmap):
    model = LogisticRegression().fit(ROWS, LABELS)
    save(tmp_path, converted(model, FloatTensorType, zipmap=zipmap), "predict_proba")
    told = answering(tmp_path, "predict_proba")(ROWS)
    assert told.shape == (200, 2)
    assert np.allclose(told, model.predict_proba(ROWS), atol=1e-6)


def test_float32_graphs_take_float64_rows_and_regressors_answer_a_number_a_row(tmp_path):
    model = RandomForestRegressor(10, random_state=0).fit(ROWS, ROWS.sum(axis=1))
    save(tmp_path, converted(model, FloatTensorType))
    told = answering(tmp_path)(ROWS)
    assert told.shape == (200,)
    assert np.allclose(told, model.predict(ROWS), rtol=1e-5, atol=1e-6)


def test_a_transformer_and_a_decision_answer_by_their_methods(tmp_path):
    scaler = StandardScaler().fit(ROWS)
    forest = IsolationForest(n_estimators=10, random_state=0).fit(ROWS)
    save(tmp_path, converted(scaler), "transform")
    assert np.allclose(answering(tmp_path, "transform")(ROWS), scaler.transform(ROWS))
    save(tmp_path, converted(forest, FloatTensorType), "decision_function")
    told = answering(tmp_path, "decision_function")(ROWS)
    assert told.shape == (200,)
    assert np.allclose(told, forest.decision_function(ROWS), atol=1e-5)


async def test_a_graph_with_one_input_a_column_takes_named_columns_without_pandas(
    tmp_path, make_scorer, request_of
):
    columns = ColumnTransformer(
        [("age", StandardScaler(), [0]), ("city", OneHotEncoder(handle_unknown="ignore"), [1])]
    )
    rows = np.array([[31.0, "Oslo"], [45.5, "Rome"], [23.0, "Rome"], [61.0, "Bonn"]], dtype=object)
    model = make_pipeline(columns, LogisticRegression()).fit(rows, [0, 1, 0, 1])
    graph = to_onnx(
        model,
        initial_types=[("age", DoubleTensorType([None, 1])), ("city", StringTensorType([None, 1]))],
        target_opset=OPSETS,
        options={"zipmap": False},
    )
    (tmp_path / "rows.json").write_text(json.dumps(rows.tolist()))
    described = save(tmp_path, graph, "predict_proba", tmp_path / "rows.json")
    assert described.features.schema() == frame(("age", "city"), ("number", "text"))
    scorer = make_scorer(tmp_path)
    for body, kind in (
        (b'[{"city": "Rome", "age": 40}]', "application/json"),
        (b"city,age\nRome,40\n", "text/csv"),
    ):
        told = json.loads((await scorer.score(request_of(body, kind))).body)
        asked = np.array([[40.0, "Rome"]], dtype=object)
        assert np.allclose(told, model.predict_proba(asked), rtol=1e-9)


def test_missing_cells_are_allowed_if_golden_rows_hold_some(tmp_path):
    graph = handmade(
        [("X", TensorProto.DOUBLE, [None, 2])],
        [helper.make_node("Abs", ["X"], ["Y"])],
        TensorProto.DOUBLE,
    )
    assert save(tmp_path, graph).features.missing is False
    (tmp_path / "rows.json").write_text("[[1, null], [3, 4]]")
    described = save(tmp_path, graph, "transform", tmp_path / "rows.json")
    assert described.features.missing is True
    models.load_verified(tmp_path / "model.onnx", described)  # NaN answers NaN


def test_texts_and_text_columns_are_tensors_of_strings(tmp_path):
    strings = helper.make_node("StringConcat", ["X", "end"], ["Y"])
    end = numpy_helper.from_array(np.array(["!"], dtype=object), "end")
    for shape, kind in (([None], "texts"), ([None, 1], "texts"), ([None, 2], "frame")):
        graph = handmade(
            [("X", TensorProto.STRING, shape)],
            [strings],
            TensorProto.STRING,
            [end],
            shape=[None] * len(shape),
        )
        (tmp_path / "model.onnx").write_bytes(graph.SerializeToString())
        model = models.load(tmp_path / "model.onnx")
        schema = model.schema()
        assert schema.kind == kind
        width = schema.features
        cells = np.array([["a", "b"][:width], [np.nan, "c"][:width]], dtype=object)
        told = model.answer_function("transform", schema)(cells)
        assert np.ravel(told).tolist() == {1: ["a!", "!"], 2: ["a!", "b!", "!", "c!"]}[width]


def test_a_text_tensor_of_any_width_is_refused_with_what_to_do(tmp_path):
    graph = handmade(
        [("X", TensorProto.STRING, [None, None])],
        [helper.make_node("Identity", ["X"], ["Y"])],
        TensorProto.STRING,
    )
    (tmp_path / "model.onnx").write_bytes(graph.SerializeToString())
    with pytest.raises(ModelUnavailable, match="expected a fixed number of text columns"):
        models.load(tmp_path / "model.onnx").schema()


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        (TensorProto.INT64, [1.5, 2.0]),
        (TensorProto.INT64, [np.nan, 2.0]),
        (TensorProto.INT32, [2.0**40, 2.0]),
        (TensorProto.FLOAT, [1e300, 2.0]),
        (TensorProto.BOOL, [0.5, 1.0]),
    ],
)
def test_a_number_that_does_not_fit_the_tensor_is_refused(tmp_path, kind, row):
    cast = helper.make_node("Cast", ["X"], ["Y"], to=TensorProto.DOUBLE)
    graph = handmade([("X", kind, [None, 2])], [cast], TensorProto.DOUBLE)
    (tmp_path / "model.onnx").write_bytes(graph.SerializeToString())
    model = models.load(tmp_path / "model.onnx")
    answer = model.answer_function("predict", model.schema())
    for cells in (np.array([row]), np.array([row], dtype=object)):
        with pytest.raises(UnfitInput, match="numbers that"):
            answer(cells)
    assert answer(np.array([[1.0, 0.0]])).tolist() == [[1.0, 0.0]]


async def test_a_tampered_graph_is_refused_before_it_is_loaded(tmp_path, make_scorer, request_of):
    save(tmp_path, converted(LogisticRegression().fit(ROWS, LABELS)))
    content = bytearray((tmp_path / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(ModelUnavailable, match="is another file than the one that"):
        await make_scorer(tmp_path).score(request_of(b"[[1, 2, 3]]"))


def test_weights_in_another_file_are_refused_because_no_digest_covers_them(tmp_path, monkeypatch):
    weights = numpy_helper.from_array(np.ones((2, 2)), "W")
    graph = handmade(
        [("X", TensorProto.DOUBLE, [None, 2])],
        [helper.make_node("MatMul", ["X", "W"], ["Y"])],
        TensorProto.DOUBLE,
        [weights],
    )
    onnx.save_model(
        graph,
        tmp_path / "model.onnx",
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    assert (tmp_path / "weights.bin").exists()
    monkeypatch.chdir(tmp_path)  # where ONNX Runtime would look by itself
    with pytest.raises(ModelUnavailable, match=r"model\.onnx did not load: .*[Ee]xternal"):
        models.load(tmp_path / "model.onnx", errors=SHOWN)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"no graph", "model.onnx did not load: "),
        (
            handmade(
                [("X", TensorProto.FLOAT16, [None, 2])],
                [helper.make_node("Identity", ["X"], ["Y"])],
                TensorProto.FLOAT16,
            ).SerializeToString(),
            "model.onnx, input X: expected one of the types .*, got tensor.float16",
        ),
    ],
)
def test_a_graph_that_can_not_be_served_is_refused_with_the_reason(tmp_path, content, says):
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(ModelUnavailable, match=says):
        models.load(tmp_path / "model.onnx")


def test_without_onnxruntime_a_graph_is_refused_with_what_to_do(tmp_path, monkeypatch):
    (tmp_path / "model.onnx").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelUnavailable, match=r"needs onnxruntime.*add it to requirements\.txt"):
        models.load(tmp_path / "model.onnx")


SCORES = """
import asyncio, sys
from pathlib import Path
from cache import keys
from cache.memory_cache import MemoryCache
from inference.request import Request
from inference.serving.scorer import Scorer
from inference.settings import InferenceSettings

async def main():
    settings = InferenceSettings.from_env({"AZUREML_MODEL_DIR": sys.argv[1]}, root=Path("/"))
    scorer = Scorer(settings, MemoryCache(), keys)
    request = Request(id="id", source="http", body=b"[[1, 2, 3]]", content_type="")
    answer = await scorer.score(request)
    await scorer.close()
    heavy = {"sklearn", "joblib", "scipy", "pandas", "skops", "onnx", "skl2onnx"}
    print(answer.body.decode(), sorted(heavy & set(sys.modules)))

asyncio.run(main())
"""


def test_a_graph_is_served_without_importing_scikit_learn(tmp_path):
    save(tmp_path, converted(LogisticRegression().fit(ROWS, LABELS)))
    told = subprocess.run(
        [sys.executable, "-c", SCORES, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert told.stdout.strip() == '["yes"] []'


def test_nothing_heavy_is_imported_before_a_model_is_loaded(tmp_path):
    joblib.dump(LogisticRegression().fit(ROWS, LABELS), tmp_path / "model.joblib")
    manifest_file.write(tmp_path, manifest.describe(tmp_path))
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from inference import models\nfrom inference.models import manifest_file\n"
        "folder = Path(sys.argv[1])\nfound = manifest_file.read(folder)\n"
        "models.verify_digest(models.find_file(folder, found), found, allow_unpinned=False)\n"
        "assert found.features.schema().features == 3\n"
        "print(sorted({'sklearn', 'joblib', 'onnxruntime', 'skops', 'pandas'} & set(sys.modules)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert told.stdout.strip() == "[]"
