"""Models and scripts of every kind that the documents describe, and the documents themselves."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import azure.functions as func
import joblib
import numpy as np
import pandas as pd
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

from deploy import manifest
from inference.models import manifest_file
from inference.serving.scorer import Scorer
from tests import small_model
from tests.inference.models import test_frame_models as frames
from triggers.http_trigger import operations_blueprint
from triggers.settings import TriggerSettings

ROWS = np.random.default_rng(0).random((60, 3))
NAMED = pd.DataFrame(ROWS, columns=["a", "b", "c"])
LABELS = np.where(ROWS.sum(axis=1) > 1.5, "much", "little")

#: Of models: how each is made, its method, and the file of golden rows where none can be drawn.
MODELS: dict[str, tuple[Callable[[], Any], str, tuple[str, str] | None]] = {
    "frame": (frames.mixed, "predict_proba", ("rows.csv", frames.CSV)),
    "texts": (frames.moods, "predict", ("rows.json", json.dumps(frames.TEXTS))),
    "regressor": (
        lambda: LinearRegression().fit(NAMED, ROWS[:, 0]),
        "predict",
        ("rows.csv", NAMED.head().to_csv(index=False)),
    ),
    "several outputs": (
        lambda: RandomForestClassifier(5).fit(ROWS, np.c_[LABELS, LABELS == "much", LABELS]),
        "predict_proba",
        None,
    ),
    "outliers": (lambda: IsolationForest(n_estimators=5).fit(ROWS), "predict", None),
    "transformer": (lambda: StandardScaler().fit(ROWS), "transform", None),
}

_HEAD = """
import datetime
import numpy as np
import pandas as pd
from inference_schema.schema_decorators import input_schema, output_schema
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.parameter_types.standard_py_parameter_type import (
    StandardPythonParameterType as Standard,
)
def init(): ...
"""
SCRIPTS = {
    "bare": "def init(): ...\ndef run(data): return data",
    "raw": "from azureml_inference_server_http.api.aml_request import rawhttp\n"
    "def init(): ...\n@rawhttp\ndef run(request): return request.method",
    "numpy": _HEAD
    + """
@input_schema("data", NumpyParameterType(np.array([[1.0, 2.0]])))
@output_schema(NumpyParameterType(np.array([3.0])))
def run(data): return data.sum(axis=1)
""",
    "pandas": _HEAD
    + """
@input_schema("data", PandasParameterType(pd.DataFrame({"a": [1.5], "b": ["x"]})))
@output_schema(PandasParameterType(pd.DataFrame({"n": [1]}), orient="split"))
def run(data): return {"columns": ["n"], "index": [0], "data": [[len(data)]]}
""",
    "standard": _HEAD
    + """
@input_schema("a", Standard(1))
@input_schema("b", Standard("x"))
@output_schema(Standard({"a": 1, "b": "x"}))
def run(a, request_headers, b="none"): return {"a": a, "b": b}
""",
    "nested": _HEAD
    + """
@input_schema("data", Standard({
    "rows": NumpyParameterType(np.array([[1, 2]])),
    "when": Standard(datetime.datetime(2020, 1, 2)),
    "nothing": Standard({}),
}))
@output_schema(Standard([1]))
def run(data): return [int(data["rows"].sum())]
""",
    "answer alone": _HEAD
    + """
@output_schema(Standard(1))
def run(data): return 1
""",
    "mixed": _HEAD
    + """
@input_schema("data", Standard([1, "a"]))
def run(data): return data
""",
}
KINDS = ["classifier", *MODELS, *SCRIPTS]

Ask = Callable[[str], Awaitable[func.HttpResponse]]


def folder_of(kind: str, parent: Path) -> Path:
    """A folder with the model or the script of one of KINDS."""
    if kind == "classifier":
        return small_model.save(parent)
    folder = parent / kind.replace(" ", "-")
    folder.mkdir()
    if kind in SCRIPTS:
        (folder / "score.py").write_text(SCRIPTS[kind])
        return folder
    made, method, golden = MODELS[kind]
    joblib.dump(made(), folder / "model.joblib")
    rows_file = None
    if golden is not None:
        rows_file = folder / golden[0]
        rows_file.write_text(golden[1])
    described = manifest.describe(folder, method=method, rows_file=rows_file)
    manifest_file.write(folder, described)
    return folder


def asking(scorer: Scorer, paths: dict[str, Any] | None = None, **settings: str) -> Ask:
    """`await ask("openapi.json")`: what the app's blueprint answers to a GET."""
    app = func.FunctionApp()
    app.register_functions(
        operations_blueprint.blueprint(scorer, TriggerSettings.from_env(settings), paths)
    )
    functions = {each.get_trigger().route: each for each in app.get_functions()}  # type: ignore[union-attr]

    async def ask(target: str) -> func.HttpResponse:
        route = target.partition("?")[0]
        request = func.HttpRequest(method="GET", url=f"http://h/api/{target}", body=b"")
        response: func.HttpResponse = await functions[route].get_user_function()(request)
        return response

    return ask
