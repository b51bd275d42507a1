"""Every estimator, in every format, over every trigger: the answers are the model's own.

The truth is what the model answers to one frame as pandas reads the file, never what the app's
readers make of it. The other formats are written from the same frame.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import azure.functions as func
import joblib
import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from azure.servicebus import ServiceBusMessage
from azure.storage.blob import ContentSettings
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression

import deploy
from cache import keys
from cache.memory_cache import MemoryCache
from deploy import manifest
from inference.models import manifest_file
from inference.models.answers import one_per_row
from inference.results.result_store import ResultStore
from inference.rows import media_types
from inference.rows.formats import json_codec
from inference.serving.scorer import Scorer
from inference.settings import InferenceSettings
from tests import running_app
from tests.deploy.estimator_cases import ASKED, CASES, TARGET, Case, as_csv_reads
from tests.triggers.blob_trigger.blob_parts import Storage, parts, storage_of
from triggers.http_trigger.score_blueprint import HttpHandler
from triggers.service_bus_trigger.message_scoring import MessageHandler
from triggers.service_bus_trigger.received_message import ReceivedMessage

pytestmark = [
    pytest.mark.long,
    # The SDK leaves the sockets of answers that it can't read to the collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
]

SUFFIXES = {form: suffix for suffix, form in reversed(media_types.BY_ENDING.items())}
IDS = itertools.count()
NUMERIC = ["whole", "share", "single", "gaps"]
FORMATS = [
    "csv",
    "split",
    "records",
    "lists",
    "columns",
    "lines",
    "npy",
    "parquet",
    "arrows",
    "arrow",
]


def cells(rows: Any) -> list[list[Any]]:
    """The rows as JSON has them, with every digit."""
    if isinstance(rows, np.ndarray):
        found: list[list[Any]] = rows.tolist()
        return found
    columns = [[_cell(cell) for cell in rows[name].tolist()] for name in rows]
    return [list(row) for row in zip(*columns, strict=True)]


def _cell(cell: Any) -> Any:
    if cell is None or cell is pd.NA or cell is pd.NaT or cell != cell:  # noqa: PLR0124
        return None
    return cell.isoformat() if isinstance(cell, pd.Timestamp) else cell


def body_of(rows: Any, form: str) -> tuple[bytes, str] | None:
    """The rows in one of FORMATS, and their content type; None if it can't hold them."""
    frame = (
        rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows).rename(columns="c{}".format)
    )
    names = list(frame)
    listed = cells(rows)
    records = [dict(zip(names, row, strict=True)) for row in listed]
    if form == "csv":
        named = isinstance(rows, pd.DataFrame)
        return frame.to_csv(index=False, header=named).encode(), media_types.CSV
    if form == "npy":
        if any(dtype.kind not in "iuf" for dtype in frame.dtypes):
            return None
        out = io.BytesIO()
        np.save(out, rows if isinstance(rows, np.ndarray) else _array(frame))
        return out.getvalue(), media_types.NPY
    if form in ("parquet", "arrows", "arrow"):
        return _columnar(pa.Table.from_pandas(frame, preserve_index=False), form)
    if form == "lines":
        return "\n".join(map(json.dumps, records)).encode(), media_types.JSON_LINES
    document = {
        "split": {"columns": names, "data": listed},
        "records": records,
        "lists": {"data": listed},
        "columns": {"inputs": {name: [row[at] for row in listed] for at, name in enumerate(names)}},
    }[form]
    return json.dumps(document).encode(), media_types.JSON


def _array(frame: pd.DataFrame) -> Any:
    return frame.astype("float64").to_numpy() if frame.isna().any(axis=None) else frame.to_numpy()


def _columnar(table: pa.Table, form: str) -> tuple[bytes, str]:
    out = io.BytesIO()
    if form == "parquet":
        pq.write_table(table, out)
        return out.getvalue(), media_types.PARQUET
    if form == "arrows":
        with pa.ipc.new_stream(out, table.schema) as stream:
            stream.write_table(table)
        return out.getvalue(), media_types.ARROW
    with pa.ipc.new_file(out, table.schema) as file:
        file.write_table(table)
    return out.getvalue(), media_types.ARROW_FILE


class App:
    """The model in a folder behind its three triggers. `width`: of its input."""

    def __init__(self, folder: Path, storage: Storage, width: int = 0) -> None:
        cache = MemoryCache()
        settings = InferenceSettings.from_env({"AZUREML_MODEL_DIR": str(folder)}, root=folder)
        self.scorer = Scorer(settings, cache, keys)
        results = ResultStore(cache, keys.result_key, ttl_s=60)
        self.http = HttpHandler(self.scorer, results)
        self.messages = MessageHandler(self.scorer, results, retry_s=0)
        self.storage, self.blobs = storage, parts(self.scorer, results, storage).handler
        self.width = width

    async def require_same(self, bodies: dict[str, tuple[bytes, str]], expected: Any) -> None:
        """Every body over every trigger."""
        wrong = []
        for form, (body, kind) in bodies.items():
            for trigger in (self.over_http, self.over_service_bus, self.over_blob):
                try:
                    assert_same(await trigger(body, kind), expected)
                except (AssertionError, TypeError, ValueError, KeyError, AttributeError) as error:
                    wrong.append(f"{form} {trigger.__name__}: {error!r:.300}")
        await self.scorer.close()
        assert not wrong, "\n".join(wrong)

    async def over_http(self, body: bytes, kind: str) -> list[Any]:
        request = func.HttpRequest(
            method="POST",
            url="http://localhost:7071/api/score",
            headers={"content-type": kind, "cache-control": "no-cache"},
            body=body,
        )
        response = await self.http.score(request)
        assert response.status_code == 200, response.get_body()
        found: list[Any] = orjson.loads(response.get_body())
        return found

    async def over_service_bus(self, body: bytes, kind: str) -> list[Any]:
        message = ReceivedMessage(
            body=body,
            message_id=str(next(IDS)),
            delivery_count=1,
            sequence_number=1,
            content_type=kind,
            application_properties={"cache-control": "no-cache"},
        )
        (document,) = (await self.messages.score([message])).documents
        found = json.loads(document)
        assert found["status"] == "succeeded", found
        answers: list[Any] = found["result"]
        return answers

    async def over_blob(self, body: bytes, kind: str) -> list[Any]:
        name = f"rows{SUFFIXES[kind]}"
        settings = ContentSettings(content_type=kind)
        blob = self.storage.source.upload_blob(
            name, body, overwrite=True, content_settings=settings
        )
        document = json.loads(str(await self.blobs.score(blob, self.storage.output)))
        assert document["status"] == "succeeded", document
        assert document["result"]["failed"] == 0, self.storage.report(name)
        return added(self.storage.written(name), kind, self.width)


def added(output: bytes, kind: str, width: int) -> list[Any]:
    """The predictions in a scored blob, as the answer to a request has them.

    `width`: of the input.
    """
    if kind == media_types.JSON:
        found: list[Any] = json.loads(output)["predictions"]
        return found
    if kind == media_types.NPY:
        return [_numbered(row.dtype.names, row.tolist()) for row in np.load(io.BytesIO(output))]
    if kind == media_types.CSV:
        first, *rows = list(csv.reader(io.StringIO(output.decode())))
        if "error" in first:
            return [_numbered(first, row) for row in rows]
        return [row[width] if len(row) == width + 2 else row[width:-1] for row in [first, *rows]]
    if kind == media_types.JSON_LINES:
        records = [json.loads(line) for line in output.splitlines()]
    elif kind == media_types.PARQUET:
        records = pq.read_table(io.BytesIO(output)).to_pylist()
    else:
        opened = pa.ipc.open_stream if kind == media_types.ARROW else pa.ipc.open_file
        records = opened(io.BytesIO(output)).read_all().to_pylist()
    return [_numbered(record.keys(), record.values()) for record in records]


def _numbered(names: Iterable[str], values: Iterable[Any]) -> Any:
    """The value of `prediction`, or those of `prediction_0`, `prediction_1`, …"""
    found = {
        name: value
        for name, value in zip(names, values, strict=True)
        if name.startswith("prediction")
    }
    return found.get("prediction", list(found.values()))


def assert_same(found: Any, expected: Any) -> None:
    """CSV has numbers as text, and columns hold each number of an answer of several."""
    if isinstance(expected, list):
        if isinstance(found, str):
            found = json.loads(found)
        if len(found) != len(expected):
            expected = [
                each for one in expected for each in (one if isinstance(one, list) else [one])
            ]
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, float):
        assert math.isclose(float(found), expected, rel_tol=1e-12, abs_tol=1e-15), (found, expected)
    else:
        assert str(found) == str(expected)


@pytest.fixture(scope="module")
def storage(azurite):
    with storage_of(azurite) as account:
        yield account


def expected_of(case: Case, model: Any) -> Any:
    direct = one_per_row(case.oracle(model), len(case.asked()))
    return orjson.loads(json_codec.dumps(direct))


def bodies_of(rows: Any) -> dict[str, tuple[bytes, str]]:
    made = {form: body_of(rows, form) for form in FORMATS}
    return {form: body for form, body in made.items() if body is not None}


@pytest.mark.parametrize("name", CASES)
async def test_every_format_over_every_trigger_gives_the_models_own_answers(
    name: str, tmp_path: Path, storage: Storage
) -> None:
    case = CASES[name]
    model = case.fit()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        deploy.describe(model, case.training, tmp_path / "model", method=case.method)
    app = App(tmp_path / "model", storage, case.training.shape[1])
    await app.require_same(bodies_of(case.asked()), expected_of(case, model))


async def test_an_mlflow_folder_answers_as_its_model_does(tmp_path: Path, storage: Storage) -> None:
    case = CASES["selected by dtype"]
    types = {"int64": "long", "float64": "double", "float32": "float"}
    rows = case.training[NUMERIC]
    model = HistGradientBoostingRegressor(max_iter=3).fit(rows, TARGET)
    joblib.dump(model, tmp_path / "model.pkl")
    inputs = [
        {"name": name, "type": types[str(dtype)], "required": not rows[name].isna().any()}
        for name, dtype in rows.dtypes.items()
    ]
    (tmp_path / "MLmodel").write_text(
        "flavors: {sklearn: {pickled_model: model.pkl}}\n"
        f"signature: {{inputs: {json.dumps(json.dumps(inputs, default=bool))}}}\n"
    )
    manifest_file.write(tmp_path, manifest.describe(tmp_path))
    asked = as_csv_reads(rows[:ASKED])
    app = App(tmp_path, storage, len(NUMERIC))
    await app.require_same(bodies_of(rows[:ASKED]), model.predict(asked).tolist())


SCRIPT = """
import io, os, joblib, pandas

def init():
    global model
    model = joblib.load(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.joblib"))

def run(data):
    return model.predict(pandas.read_json(io.StringIO(data), precise_float=True)).tolist()
"""


async def test_a_script_answers_as_its_model_does(
    tmp_path: Path, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(tmp_path))
    rows = CASES["numbers alone"].training[["share", "single"]]
    model = LinearRegression().fit(rows, TARGET)
    joblib.dump(model, tmp_path / "model.joblib")
    (tmp_path / "score.py").write_text(SCRIPT)
    app = App(tmp_path, storage)
    body, kind = bodies_of(rows[:ASKED])["records"]
    expected = model.predict(rows[:ASKED]).tolist()
    for trigger in (app.over_http, app.over_service_bus):
        assert_same(await trigger(body, kind), expected)
    await app.scorer.close()


def test_a_frame_is_answered_by_the_whole_app(tmp_path: Path) -> None:
    """The same over real servers: the host, Redis, Azurite and the broker."""
    case = CASES["logistic odds"]
    model = case.fit()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        deploy.describe(model, case.training, tmp_path / "model", method=case.method)
    expected = expected_of(case, model)
    app = running_app.App.in_folder(tmp_path, tmp_path / "model")
    try:
        app.start_servers()
        app.start_host()
        for form, (body, kind) in bodies_of(case.asked()).items():
            assert_same(app.post(body, kind).json(), expected)
            name = f"{form}{SUFFIXES[kind]}"
            app.upload(name, body)
            assert app.report(name)["failed"] == 0
            assert_same(added(app.output(name) or b"", kind, case.training.shape[1]), expected)
            app.send(ServiceBusMessage(body, message_id=form, content_type=kind))
            (document,) = app.inbox.of(form)
            assert_same(document["result"], expected)
    finally:
        app.stop()
