"""`deploy.describe(model, X, folder)`, as a notebook calls it."""

import json
from unittest.mock import Mock

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline

import deploy
from deploy import manifest
from deploy.columns import learning, pandas_types, text_rows
from inference.errors import ModelUnavailable, UnfitInput
from inference.models import manifest_file, manifests, mlflow_folder
from inference.models.inputs import input_function
from inference.rows import coercion, media_types
from inference.rows.schema import Column, frame_schema
from tests.deploy.described import answers, columns, load

FRAME = pd.DataFrame(
    {
        "rooms": [1, 2, 3, 4] * 60,
        "size": [20.5, None, 70.0, 90.25] * 60,
        "kind": pd.Categorical(["flat", "house"] * 120, ["house", "flat"]),
    }
)
SOLD = [0, 1, 1, 1] * 60


def test_types_are_those_of_the_frame_and_the_model_is_saved_beside_the_manifest(tmp_path):
    model = HistGradientBoostingClassifier(max_iter=3).fit(FRAME, SOLD)
    folder = tmp_path / "homes"
    written = deploy.describe(model, FRAME, folder, method="predict_proba")
    assert sorted(file.name for file in folder.iterdir()) == ["model.joblib", "triscore.json"]
    assert written == folder / manifest_file.NAME
    assert columns(folder) == {
        "rooms": Column("rooms", "integer", missing=True),
        "size": Column("size", "number", missing=True),
        "kind": Column("kind", "category", True, categories=("house", "flat")),
    }
    direct = model.predict_proba(FRAME.head(4)).tolist()
    assert answers(load(folder), FRAME.head(4).to_csv(index=False)) == direct
    golden = manifest_file.read(folder).golden
    assert len(golden.rows) == 100 < len(FRAME)
    deploy.describe(model, FRAME, folder)  # a cell of a notebook is run again


def test_an_array_has_the_dtype_of_training(tmp_path):
    whole = np.arange(12).reshape(6, 2)
    for place, rows in (("int64", whole), ("float32", whole.astype(np.float32))):
        deploy.describe(LinearRegression().fit(rows, rows[:, 0]), rows, tmp_path / place)
        assert manifest_file.read(tmp_path / place).features == manifests.Features(
            count=2, missing=False, dtype=place
        )


def test_the_file_of_an_array_tells_its_dtype(tmp_path):
    rows = np.arange(12, dtype=np.int32).reshape(6, 2)
    joblib.dump(LinearRegression().fit(rows, rows[:, 0]), tmp_path / "model.joblib")
    np.save(tmp_path / "rows.npy", rows)

    found = manifest.describe(tmp_path, rows_file=tmp_path / "rows.npy")
    assert found.features.dtype == "int32"
    assert found.golden.rows[1] == [2, 3]


def test_texts_are_given_as_a_list_or_a_series(tmp_path):
    texts = ["good", "bad", "fine", "poor"]
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, [1, 0, 1, 0])
    for rows in (texts, pd.Series(texts)):
        deploy.describe(model, rows, tmp_path)
        found = manifest_file.read(tmp_path)
        assert found.features.kind == "texts"
        assert (found.golden.rows, found.golden.predictions) == (
            [[text] for text in texts],
            [1, 0, 1, 0],
        )


def test_a_model_that_is_saved_already_is_named_by_its_path(tmp_path):
    model = HistGradientBoostingClassifier(max_iter=3).fit(FRAME, SOLD)
    joblib.dump(model, tmp_path / "homes.pkl")
    deploy.describe(tmp_path / "homes.pkl", FRAME, tmp_path)
    assert manifest_file.read(tmp_path).file == "homes.pkl"
    with pytest.raises(ModelUnavailable, match=r"holds another model, homes\.pkl"):
        deploy.describe(model, FRAME, tmp_path)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (np.zeros((4, 3)), r"columns rooms, size, kind.*not a value of type ndarray"),
        (FRAME[["rooms", "kind"]], r"column 'size': expected present, got missing"),
        (FRAME.assign(size=pd.cut(FRAME["size"].fillna(0), 3)), "column 'size': expected categori"),
    ],
)
def test_rows_that_are_not_those_of_training_are_refused_and_nothing_is_written(
    tmp_path, rows, says
):
    model = HistGradientBoostingClassifier(max_iter=3).fit(FRAME, SOLD)
    with pytest.raises(Exception, match=says):
        deploy.describe(model, rows, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_class_of_the_notebook_itself_is_refused(tmp_path):
    class Local(LinearRegression):
        pass

    Local.__module__ = "__main__"
    model = Local().fit([[1.0]], [1.0])
    with pytest.raises(ModelUnavailable, match="Local is defined in the notebook"):
        deploy.describe(model, np.ones((1, 1)), tmp_path)


def test_an_mlflow_signature_names_columns_and_types_without_rows(tmp_path, monkeypatch):
    model = HistGradientBoostingClassifier(max_iter=3).fit(FRAME[["rooms", "size"]], SOLD)
    joblib.dump(model, tmp_path / "model.pkl")
    inputs = [
        {"name": "rooms", "type": "long", "required": True},
        {"name": "size", "type": "double", "required": False},
    ]
    (tmp_path / "MLmodel").write_text(
        "flavors: {sklearn: {pickled_model: model.pkl}}\n"
        f"signature: {{inputs: {json.dumps(json.dumps(inputs))}}}\n"
    )

    assert manifest.describe(tmp_path).features.schema().columns == (
        Column("rooms", "integer"),
        Column("size", "number", missing=True),
    )
    monkeypatch.setattr(mlflow_folder, "read_signature", Mock(wraps=mlflow_folder.read_signature))
    assert learning.signature(tmp_path)
    assert mlflow_folder.read_signature.call_count == 1


@pytest.mark.parametrize("kind", ["binary", "object", "array", "map", "any"])
def test_an_mlflow_signature_with_a_type_that_is_not_served_names_the_column(tmp_path, kind):
    model = HistGradientBoostingClassifier(max_iter=3).fit(FRAME[["rooms", "size"]], SOLD)
    joblib.dump(model, tmp_path / "model.pkl")
    inputs = [{"name": "rooms", "type": "long"}, {"name": "size", "type": kind}]
    (tmp_path / "MLmodel").write_text(
        "flavors: {sklearn: {pickled_model: model.pkl}}\n"
        f"signature: {{inputs: {json.dumps(json.dumps(inputs))}}}\n"
    )
    said = f"types that are not served: 'size' \\({kind}\\); if the model takes .* give a few rows"
    with pytest.raises(ModelUnavailable, match=said):
        manifest.describe(tmp_path)
    FRAME.to_csv(tmp_path / "rows.csv", index=False)
    assert manifest.describe(tmp_path, rows_file=tmp_path / "rows.csv").features.schema().names == (
        "rooms",
        "size",
    )


def test_an_mlflow_signature_without_a_column_of_the_model_names_it(tmp_path):
    model = HistGradientBoostingClassifier(max_iter=3).fit(FRAME[["rooms", "size"]], SOLD)
    folder = _logged(tmp_path, model, FRAME[["rooms"]], {}, "none")
    with pytest.raises(ModelUnavailable, match=r"lacks columns of the model \(size\): give a few"):
        manifest.describe(folder)


def test_an_mlflow_signature_of_a_named_tensor_tells_no_columns(tmp_path):
    joblib.dump(LinearRegression().fit([[1.0, 2], [2, 1]], [1, 2]), tmp_path / "model.pkl")
    shape = {"dtype": "float32", "shape": [-1, 2]}
    inputs = [{"name": "x", "type": "tensor", "tensor-spec": shape}]
    (tmp_path / "MLmodel").write_text(
        "flavors: {sklearn: {pickled_model: model.pkl}}\n"
        f"signature: {{inputs: {json.dumps(json.dumps(inputs))}}}\n"
    )
    described = manifest.describe(tmp_path)
    assert (described.features.kind, described.features.count) == ("array", 2)


def _logged(folder, model, rows, example, kind="dataframe"):
    """A folder as MLflow logs a model with an input example."""
    joblib.dump(model, folder / "model.pkl")
    # MLflow writes null where a cell is missing.
    (folder / "input_example.json").write_text(json.dumps(example).replace("NaN", "null"))
    types = {"int64": "long", "float64": "double", "bool": "boolean"}
    inputs = [
        {"name": name, "type": types.get(str(dtype), "string"), "required": True}
        for name, dtype in rows.dtypes.items()
    ]
    (folder / "MLmodel").write_text(
        "flavors: {sklearn: {pickled_model: model.pkl}}\n"
        f"saved_input_example_info: {{artifact_path: input_example.json, type: {kind}}}\n"
        f"signature: {{inputs: {json.dumps(json.dumps(inputs))}}}\n"
    )
    return folder


@pytest.mark.parametrize("with_parameters", [False, True])
def test_the_input_example_of_an_mlflow_model_gives_golden_rows(tmp_path, with_parameters):
    rows = FRAME[["rooms", "size"]]
    model = HistGradientBoostingClassifier(max_iter=3).fit(rows, SOLD)
    example = rows.head(2).to_dict(orient="split", index=False)
    if with_parameters:
        example = {"inputs": example, "params": {"threads": 1}}
    described = manifest.describe(_logged(tmp_path, model, rows, example))
    assert described.golden.rows == [[1, 20.5], [2, None]]
    assert described.golden.predictions == model.predict(rows.head(2)).tolist()
    assert described.features.schema().columns[0] == Column("rooms", "integer", missing=True)


def test_the_input_example_of_an_mlflow_model_of_arrays_is_read(tmp_path):
    rows = FRAME[["rooms", "size"]]
    model = HistGradientBoostingClassifier(max_iter=3).fit(rows.to_numpy(), SOLD)
    folder = _logged(tmp_path, model, rows[[]], rows.head(2).to_numpy().tolist(), "ndarray")
    assert len(manifest.describe(folder).golden.rows) == 2


@pytest.mark.parametrize("with_example", [False, True])
def test_an_mlflow_model_of_texts_names_its_column(tmp_path, with_example):
    rows = pd.DataFrame({"review": ["good day", "bad day"] * 5})
    model = TfidfVectorizer().fit(rows.review)
    example = rows.head(1).to_dict(orient="split", index=False) if with_example else {}
    folder = _logged(tmp_path, model, rows, example, "dataframe" if with_example else "none")
    described = manifest.describe(folder, method="transform")
    assert described.features.names == ["review"]
    assert described.golden.rows[0] == ["good day" if with_example else text_rows.PLAIN[0]]


@pytest.mark.parametrize("labels", [["a", "b"], [2019, 2020], [("a", "x"), ("a", "y")]])
def test_a_model_of_an_array_has_the_names_of_the_frame_that_is_given(tmp_path, labels):
    frame = pd.DataFrame({"first": [1.0, 2, 5, 7], "second": [3.0, 1, 4, 1]})
    model = LinearRegression().fit(frame.to_numpy(), [1, 2, 3, 4])
    frame.columns = pd.Index(labels)
    deploy.describe(model, frame, tmp_path)
    features = manifest_file.read(tmp_path).features
    assert (features.kind, features.names) == ("array", [str(label) for label in labels])


def test_names_of_several_levels_are_those_of_parquet_and_no_line_of_csv(tmp_path):
    names = pd.MultiIndex.from_tuples([("a", "x"), ("b", "y")])
    frame = pd.DataFrame([[1.0, 3], [2, 1], [5, 4]], columns=names)
    deploy.describe(LinearRegression().fit(frame, frame.sum(axis=1)), frame, tmp_path)
    served = load(tmp_path)
    swapped = frame.iloc[:, ::-1].to_parquet()
    assert answers(served, swapped, media_types.PARQUET) == pytest.approx([4, 3, 9])
    with pytest.raises(UnfitInput, match=r"the first line: expected the columns .*header="):
        answers(served, frame.to_csv(index=False))


def test_columns_that_are_only_numbered_have_no_names(tmp_path):
    frame = pd.DataFrame([[1.0, 3], [2, 1], [5, 4]])
    deploy.describe(LinearRegression().fit(frame, [1, 2, 3]), frame, tmp_path)
    assert manifest_file.read(tmp_path).features.names is None


@pytest.mark.parametrize(
    "dtype", ["Int64", "int64[pyarrow]", "double[pyarrow]", "bool[pyarrow]", "string[pyarrow]"]
)
@pytest.mark.parametrize("gap", [False, True])
def test_nullable_columns_are_those_of_training_again(dtype, gap):
    cells = [*{"b": [True, False], "s": ["1", "2"]}.get(dtype[0], [1, 2]), None]
    cells = cells if gap else cells[:2]
    kind = pd.ArrowDtype(pa.string()) if dtype[0] == "s" else dtype
    series = pd.Series(cells, dtype=kind)
    column = pandas_types.column_of("x", series)
    assert column.dtype == dtype
    schema = frame_schema([column])
    rows = coercion.coerce_rows([[cell] for cell in cells], schema, text=False).require_valid()
    pd.testing.assert_series_equal(input_function(schema)(rows)["x"], series, check_names=False)
