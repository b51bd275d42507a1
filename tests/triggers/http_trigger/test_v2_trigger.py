"""The Open Inference Protocol over HTTP, in JSON and with bytes after it."""

import gzip
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from cache import keys
from inference.results.result_store import ResultStore
from tests.triggers.http_trigger import test_score_blueprint
from tests.triggers.http_trigger.v2_requests import asking, inputs, output, tensor
from triggers.http_trigger.open_inference_blueprint import OpenInferenceHandler
from triggers.http_trigger.score_blueprint import HttpHandler

ROOT = Path(__file__).resolve().parents[3]

ROW = inputs(tensor([[0.9, 0.9, 0.9]]))


async def test_an_answer_names_model_and_version_and_echoes_the_id(v2_handler, scorer):
    response = await v2_handler.infer(asking({**ROW, "id": "mine"}, x_request_id="r1"))
    assert json.loads(response.get_body()) == {
        "model_name": "sum",
        "model_version": scorer.model.version,
        "id": "mine",
        "outputs": [{"name": "predict", "datatype": "INT64", "shape": [1], "data": [1]}],
    }
    assert response.mimetype == "application/json"
    assert response.headers["x-request-id"] == "r1"
    assert response.headers["x-model-version"] == scorer.model.version
    assert float(response.headers["x-ms-run-fn-exec-ms"]) > 0


async def test_score_and_infer_hit_each_others_rows(v2_handler, scorer, store):
    score = HttpHandler(scorer, ResultStore(store, keys.result_key, ttl_s=60)).score
    first = await score(test_score_blueprint.asking(b"[[0.25, 0.5, 3]]"))
    assert first.headers["x-cache"] == "miss"
    second = await v2_handler.infer(asking(inputs(tensor([[0.25, 0.5, 3]], "FP32"))))
    assert (second.headers["x-cache"], second.headers["age"]) == ("hit", "0")
    assert (await v2_handler.infer(asking(ROW))).headers["x-cache"] == "miss"
    third = await score(test_score_blueprint.asking(b"[[0.9, 0.9, 0.9]]"))
    assert third.headers["x-cache"] == "hit"
    fresh = await v2_handler.infer(asking(ROW, cache_control="no-cache"))
    assert fresh.headers["x-cache"] == "miss"


@pytest.mark.parametrize(
    "one",
    [
        tensor([[2, 0, 1], [0, 1, 0]], "INT32", name="anything"),
        tensor([2, 0, 1, 0, 1, 0], "UINT8", [2, 3]),
        tensor([[2.0, 0, 1], [0, 1, 0]], "FP16"),
        tensor([2, 0, 1, 0, 1, 0], "FP32", [2, 3], content_type="np"),
    ],
)
async def test_numbers_come_in_any_datatype_nested_or_flat(v2_handler, one):
    assert output(await v2_handler.infer(asking(inputs(one))))["data"] == [1, 0]


async def test_columns_go_by_position_where_the_model_knows_no_names(v2_handler):
    columns = [
        tensor([0.9, 0.1], name="x"),
        tensor([True, False], "BOOL", name="y"),
        tensor([[1], [0]], "INT64", name="z"),
    ]
    assert output(await v2_handler.infer(asking(inputs(*columns))))["data"] == [1, 0]


def packed(array) -> bytes:
    return np.asarray(array).tobytes()


def with_bytes(document, *data: bytes, **headers):
    """A request whose tensors follow its document."""
    head = json.dumps(document).encode()
    length = str(len(head))
    return asking(body=b"".join([head, *data]), inference_header_content_length=length, **headers)


def described(array, datatype, name="input-0", size=None):
    size = array.nbytes if size is None else size
    parameters = {"binary_data_size": size}
    shape = list(array.shape)
    return {"name": name, "datatype": datatype, "shape": shape, "parameters": parameters}


@pytest.mark.parametrize(
    ("datatype", "dtype"),
    [
        ("BOOL", "?"),
        *((f"INT{bits}", f"<i{bits // 8}") for bits in (8, 16, 32, 64)),
        *((f"UINT{bits}", f"<u{bits // 8}") for bits in (8, 16, 32, 64)),
        *((f"FP{bits}", f"<f{bits // 8}") for bits in (16, 32, 64)),
    ],
)
async def test_a_tensor_may_follow_the_document_as_bytes(v2_handler, datatype, dtype):
    rows = np.array([[1, 1, 1], [1, 0, 0]], dtype)
    request = with_bytes(inputs(described(rows, datatype)), packed(rows))
    assert output(await v2_handler.infer(request))["data"] == [1, 0]


async def test_tensors_that_follow_stand_in_their_order_and_need_not_be_aligned(v2_handler):
    x, y = np.array([1, 0], np.int8), np.array([1.0, 0.0])
    asked = inputs(
        described(x, "INT8", "x"), tensor([1, 0], name="in JSON"), described(y, "FP64", "y")
    )
    for pad in range(8):
        asked["id"] = " " * pad
        answered = await v2_handler.infer(with_bytes(asked, packed(x), packed(y)))
        assert output(answered)["data"] == [1, 0]


async def test_many_rows_are_answered_in_their_order(v2_handler):
    rows = np.random.default_rng(2).random((10_000, 3))
    answered = output(
        await v2_handler.infer(with_bytes(inputs(described(rows, "FP64")), packed(rows)))
    )
    sure = abs(rows.sum(axis=1) - 1.5) > 0.1
    assert np.array_equal(np.array(answered["data"])[sure], (rows.sum(axis=1) > 1.5)[sure])


@pytest.mark.parametrize(
    "wish",
    [
        {"outputs": [{"name": "predict", "parameters": {"binary_data": True}}]},
        {"parameters": {"binary_data_output": True}},
        {
            "outputs": [{"name": "predict"}],
            "parameters": {"binary_data_output": True, "priority": 3},
        },
    ],
)
async def test_the_output_follows_as_bytes_where_that_is_asked_for(v2_handler, wish):
    response = await v2_handler.infer(asking({**ROW, **wish}))
    assert response.status_code == 200
    end = int(response.headers["inference-header-content-length"])
    head, data = response.get_body()[:end], response.get_body()[end:]
    (only,) = json.loads(head)["outputs"]
    assert only["parameters"] == {"binary_data_size": 8}
    assert "data" not in only
    assert np.frombuffer(data, "<i8").tolist() == [1]
    assert response.mimetype == "application/octet-stream"


async def test_an_output_may_be_wanted_as_json_where_the_rest_is_not(v2_handler):
    wish = {
        "outputs": [{"name": "predict", "parameters": {"binary_data": False}}],
        "parameters": {"binary_data_output": True},
    }
    assert output(await v2_handler.infer(asking({**ROW, **wish})))["data"] == [1]


async def test_a_body_may_be_compressed_and_the_header_counts_decompressed_bytes(v2_handler):
    rows = np.full((3, 3), 0.9)
    head = json.dumps(inputs(described(rows, "FP64"))).encode()
    request = asking(
        body=gzip.compress(head + packed(rows)),
        content_encoding="gzip",
        inference_header_content_length=str(len(head)),
    )
    assert output(await v2_handler.infer(request))["data"] == [1, 1, 1]


async def test_the_server_is_live_and_names_its_extensions(v2_handler):
    server = json.loads((await v2_handler.server(asking(method="GET"))).get_body())
    assert server["name"] == "triscore"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert server["version"] == project["version"]
    assert server["extensions"] == ["binary_tensor_data"]
    assert json.loads((await v2_handler.live(asking(method="GET"))).get_body()) == {"live": True}


async def test_the_model_is_ready_under_its_name_and_its_version(v2_handler, scorer):
    ready = await v2_handler.ready(asking(method="GET"))
    assert (ready.status_code, json.loads(ready.get_body())) == (200, {"ready": True})
    for version in (None, scorer.model.version):
        ready = await v2_handler.model_ready(asking(method="GET", version=version))
        assert json.loads(ready.get_body()) == {"name": "sum", "ready": True}
        assert (await v2_handler.model(asking(method="GET", version=version))).status_code == 200
        assert output(await v2_handler.infer(asking(ROW, version=version)))["data"] == [1]


@pytest.mark.parametrize("other", [{"name": "product"}, {"version": "1"}])
async def test_another_model_or_version_is_not_found(v2_handler, scorer, other):
    for response in (
        await v2_handler.infer(asking(ROW, **other)),
        await v2_handler.model(asking(method="GET", **other)),
        await v2_handler.model_ready(asking(method="GET", **other)),
    ):
        assert response.status_code == 404
        known = "sum" if "name" in other else scorer.model.version
        assert repr(known) in json.loads(response.get_body())["error"]


async def test_a_model_that_did_not_load_is_not_ready_and_says_why_it_does_not_answer(
    tmp_path, make_scorer
):
    (tmp_path / "model.joblib").write_bytes(b"no model")
    handler = OpenInferenceHandler(make_scorer(tmp_path))
    asked = await handler.infer(asking(ROW, name=tmp_path.name))
    assert asked.status_code == 503
    assert "triscore.json" in json.loads(asked.get_body())["error"]
    assert (await handler.ready(asking(method="GET"))).status_code == 503
    ready = await handler.model_ready(asking(method="GET", name=tmp_path.name))
    assert ready.status_code == 503
    assert json.loads(ready.get_body()) == {"name": tmp_path.name, "ready": False}


async def test_an_entry_script_takes_no_tensors_and_refers_callers_to_score(tmp_path, make_scorer):
    (tmp_path / "score.py").write_text("def init(): ...\ndef run(data): return data")
    handler = OpenInferenceHandler(make_scorer(tmp_path))
    asked = await handler.infer(asking(ROW, name=tmp_path.name))
    assert asked.status_code == 501
    assert "POST to score" in json.loads(asked.get_body())["error"]
    metadata = json.loads(
        (await handler.model(asking(method="GET", name=tmp_path.name))).get_body()
    )
    assert metadata["platform"] == "python_script"
    assert metadata["inputs"] == metadata["outputs"] == []
