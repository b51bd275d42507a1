"""Refusals of the Open Inference Protocol: one sentence each, and nothing is stored."""

import gzip
import json

import numpy as np
import pytest

from inference.errors import Overloaded, ScriptFailed
from inference.serving.prediction import Prediction
from tests.triggers.http_trigger.v2_requests import asking, inputs, tensor

ROW = tensor([[0.9, 0.9, 0.9]])


def row(**changes):
    return inputs({**ROW, **changes})


@pytest.mark.parametrize(
    ("document", "status", "says"),
    [
        ([], 400, "the body: expected a JSON object, got a list of 0"),
        ({}, 400, "`inputs`: expected a list of tensors, got null"),
        (inputs(), 400, "`inputs`: expected a list of tensors, got a list of 0"),
        ({"inputs": [1]}, 400, "an input: expected a JSON object, got 1"),
        (row(name=3), 400, "`name`: expected a text, got 3"),
        (row(datatype="FP8"), 400, "input 'input-0': expected a datatype of FP16"),
        (row(datatype=None), 400, "BOOL, BYTES, got null"),
        (row(shape=3), 400, "expected a list of sizes as shape, got 3"),
        (row(shape=[1, -3]), 400, "expected a list of sizes as shape"),
        (row(shape=[True, 3]), 400, "expected a list of sizes as shape"),
        (row(shape=[1, 1, 3]), 422, "expected [rows] or [rows, columns]"),
        (row(shape=[]), 422, "expected [rows] or [rows, columns]"),
        (row(shape=[0, 3], data=[]), 422, "at least one row, got none"),
        (row(shape=[50_001, 3]), 413, "MAX_ROWS"),
        (row(shape=[2, 3]), 400, "its data are not 2 lists of 3"),
        (row(data=[[1, 2, 3], 4]), 400, "its data are not 1 lists of 3"),
        (row(data=[1, 2]), 400, "its shape asks for 3 elements, its data has 2"),
        (row(shape=[2, 2**62], data=[]), 400, "elements, its data has 0"),
        (row(data=None), 400, "expected a list under `data`, got null"),
        (row(data=[[1, 2, "x"]]), 400, "expected numbers, got 'x' at 2"),
        (row(data=[[1, 2, {}]]), 400, "expected numbers, got an object at 2"),
        (row(data=[[1, 2, [3]]]), 400, "expected numbers, got a list of 1 at 2"),
        (row(datatype="INT8", data=[1, 2, 300]), 400, "expected integers of INT8"),
        (row(datatype="UINT8", data=[1, 2, -3]), 400, "expected integers of UINT8"),
        (row(datatype="INT64", data=[1, 2, 3.5]), 400, "expected integers of INT64, got 3.5 at 2"),
        (row(datatype="INT64", data=[1, 2, None]), 400, "integers of INT64, got null at 2"),
        (row(datatype="BOOL", data=[1, 2, 3]), 400, "expected true or false, got 1 at 0"),
        (row(datatype="BYTES", data=[1, 2, 3]), 400, "expected texts, got 1 at 0"),
        (row(datatype="BYTES", data=["a", "b", "c"]), 422, "column 0: expected a number, got 'a'"),
        (row(data=[1, 2, None]), 422, "column 2: expected a finite number, got nothing"),
        (row(datatype="FP16", data=[1, 2, 1e9]), 422, "column 2: expected a finite number"),
        (row(shape=[1, 2], data=[1, 2]), 422, "shape: expected (rows, 3), got (1, 2)"),
        (row(shape=[3], data=[1, 2, 3]), 422, "shape: expected (rows, 3), got (3, 1)"),
        (inputs(ROW, ROW), 400, "two inputs have the name 'input-0'"),
        (inputs(ROW, tensor([1.0], name="b")), 422, "input 'input-0', shape: expected [rows]"),
        (
            inputs(tensor([1.0], name="a"), tensor([1.0, 2.0], name="b")),
            422,
            "inputs: expected tensors of as many rows each, got 1, 2",
        ),
        ({**row(), "id": 7}, 400, "`id`: expected a text, got 7"),
        ({**row(), "parameters": [1]}, 400, "`parameters`: expected a JSON object"),
        ({**row(), "outputs": "all"}, 400, "`outputs`: expected a list, got 'all'"),
        ({**row(), "outputs": [{"name": "proba"}]}, 400, "no output 'proba' here; there is one"),
        ({**row(), "outputs": [{}]}, 400, "no output null here; there is one, 'predict'"),
        (
            {**row(), "outputs": [{"name": "predict", "parameters": {"binary_data": 1}}]},
            400,
            "`binary_data`: expected true or false, got 1",
        ),
        (
            {**row(), "parameters": {"binary_data_output": "yes"}},
            400,
            "`binary_data_output`: expected true or false, got 'yes'",
        ),
        (row(parameters={"binary_data_size": 24}), 400, "expected no `data` and a `binary_data"),
        (row(data=None, parameters={"binary_data_size": 24}), 400, "at most the 0 bytes"),
        (row(data=None, parameters={"binary_data_size": "x"}), 400, "at most the 0 bytes"),
    ],
)  # fmt: skip
async def test_a_refusal_is_a_sentence_in_the_protocols_shape(
    v2_handler, store, document, status, says
):
    response = await v2_handler.infer(asking(document, x_request_id="r1"))
    assert response.status_code == status, response.get_body()
    assert response.headers["x-request-id"] == "r1"
    error = json.loads(response.get_body())
    assert set(error) == {"error"}
    assert says in error["error"]
    assert len(store) == 0


HEAD = json.dumps(row(data=None, parameters={"binary_data_size": 24})).encode()
TEXTS = json.dumps(
    row(data=None, datatype="BYTES", shape=[3], parameters={"binary_data_size": 15})
).encode()
NUMBERS = np.array([0.9, 0.9, 0.9]).tobytes()


@pytest.mark.parametrize(
    ("body", "length", "says"),
    [
        (b"", "", "the body is empty"),
        (b"", "0", "the body is empty"),
        (HEAD + NUMBERS, "", "the body's JSON part is not JSON"),
        (HEAD + NUMBERS, "0", "the body's JSON part is not JSON"),
        (HEAD + NUMBERS, "-1", "expected the length of the body's JSON part, at most"),
        (HEAD + NUMBERS, "1_0", "got '1_0'"),
        (HEAD + NUMBERS, "٣", "expected the length"),
        (HEAD + NUMBERS, "9" * 5000, "expected the length"),
        (HEAD + NUMBERS, str(len(HEAD) + 25), "expected the length"),
        (HEAD + NUMBERS[:-1], str(len(HEAD)), "at most the 23 bytes"),
        (HEAD + NUMBERS + b"x", str(len(HEAD)), "1 bytes follow that no `binary_data_size`"),
        (HEAD.replace(b"FP64", b"FP32") + NUMBERS, str(len(HEAD)), "asks for 12 bytes, its data"),
        (HEAD.replace(b"[1, 3]", b"[9, 3]") + NUMBERS, str(len(HEAD)), "its shape asks for 216"),
        (TEXTS + b"\1\0\0\0a" * 2 + b"\xff" * 5, str(len(TEXTS)), "text 2 is cut short"),
        (TEXTS + b"\1\0\0\0a" * 2 + b"\1\0\0\0\xff", str(len(TEXTS)), "text 2 is not UTF-8"),
        (TEXTS + b"\0\0\0\0" * 3 + b"abc", str(len(TEXTS)), "asks for 12 bytes, its data has 15"),
        (TEXTS.replace(b"[3]", b"[9]") + b"x" * 15, str(len(TEXTS)), "asks for 36 bytes or more"),
    ],
)
async def test_bytes_that_are_not_what_the_document_says_are_malformed(
    v2_handler, store, body, length, says
):
    response = await v2_handler.infer(asking(body=body, inference_header_content_length=length))
    assert response.status_code == 400, response.get_body()
    assert says in json.loads(response.get_body())["error"]
    assert len(store) == 0


async def test_limits_encodings_and_ids_are_those_of_score(v2_handler):
    for asked, status in (
        (asking(body=b" " * 300_001), 413),
        (asking(body=gzip.compress(b" " * 300_001), content_encoding="gzip"), 413),
        (asking(body=b"no gzip", content_encoding="gzip"), 400),
        (asking(body=b"{}", content_encoding="br"), 415),
        (asking(row(), x_request_id="a" * 101), 431),
        (asking(body=b"", transfer_encoding="chunked"), 400),
    ):
        response = await v2_handler.infer(asked)
        assert response.status_code == status, response.get_body()
        assert isinstance(json.loads(response.get_body())["error"], str)


@pytest.mark.parametrize(
    ("error", "status", "header"),
    [
        (ScriptFailed("boom"), 500, ("x-ms-run-function-failed", "true")),
        (Overloaded("busy"), 503, ("retry-after", "1")),
        (KeyError("ours"), 500, ("x-request-id", "r1")),
    ],
)
async def test_errors_of_the_server_have_their_status(
    v2_handler, scorer, monkeypatch, error, status, header
):
    async def fail(*_, **__):
        raise error

    monkeypatch.setattr(scorer, "predict", fail)
    response = await v2_handler.infer(asking(row(), x_request_id="r1"))
    assert response.status_code == status
    assert response.headers[header[0]] == header[1]
    assert "ours" not in json.loads(response.get_body())["error"]


async def test_predictions_without_a_tensor_refer_callers_to_score(v2_handler, scorer, monkeypatch):
    for kept in (
        b'[1, "a"]',
        b"[[1], [1, 2]]",
        b"[[1], 2]",
        b'[{"a": 1}]',
    ):

        async def answer(*_, kept=kept, **__):
            return Prediction(kept, "miss")

        monkeypatch.setattr(scorer, "predict", answer)
        response = await v2_handler.infer(asking(row()))
        assert response.status_code == 406
        assert "accept one of JSON, from `score`" in json.loads(response.get_body())["error"]
