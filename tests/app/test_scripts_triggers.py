"""Scripts written for Azure ML in the running app: every trigger gets the same answer."""

from __future__ import annotations

import base64
import json
import uuid

import joblib
import pytest
from azure.servicebus import ServiceBusMessage
from sklearn.linear_model import LinearRegression

from tests.inference.scripts.contract_scripts import TUTORIAL, write

ROWS = b'{"data": [[2, 5], [1, 1]]}'
JPEG = b"AMLResponse(b'\\xff\\xd8', 200, {'Content-Type': 'image/jpeg', 'X-Own': 'a'})"


def by_message(app, body: bytes, kind: str):
    name = uuid.uuid4().hex
    app.send(
        ServiceBusMessage(body, message_id=name, application_properties={"content_type": kind})
    )
    (document,) = app.inbox.of(name)
    assert app.get(f"/api/results/{name}").json() == document
    return document


def by_blob(app, body: bytes, ending: str):
    """The result document, and the bytes of the scored blob."""
    name = f"{uuid.uuid4().hex}{ending}"
    app.upload(name, body)
    (document,) = app.inbox.of(app.report(name)["id"])
    return document, app.output(name)


@pytest.fixture(scope="module")
def tutorial(make_app, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tutorial")
    (folder / "score.py").write_text(TUTORIAL)
    model = LinearRegression().fit([[0, 0], [1, 0], [0, 1]], [1, 3, 4])
    joblib.dump(model, folder / "model.pkl")
    return make_app(AZUREML_MODEL_DIR=str(folder))


@pytest.fixture(scope="module")
def raw(make_app, tmp_path_factory):
    return make_app(
        AZUREML_MODEL_DIR=str(write("raw_answer", tmp_path_factory.mktemp("raw") / "raw_answer"))
    )


def test_the_tutorials_script_predicts_the_same_through_three_triggers(tutorial):
    reply = tutorial.post(ROWS)
    assert reply.status == 200
    assert reply.json() == pytest.approx([20, 6])
    document = by_message(tutorial, ROWS, "application/json")
    assert (document["status"], document["result"]) == ("succeeded", reply.json())
    document, scored = by_blob(tutorial, ROWS, ".json")
    assert (document["status"], json.loads(scored)) == ("succeeded", reply.json())


def test_what_its_schema_refuses_is_refused_in_the_same_way_through_three_triggers(tutorial):
    bad = b'{"data": [[1, 2, 3]]}'
    reply = tutorial.post(bad)
    error = reply.json()["error"]
    assert (reply.status, error.pop("request_id")) == (422, reply.headers["x-request-id"])
    document = by_message(tutorial, bad, "application/json")
    assert (document["status"], document["error"]) == ("failed", error)
    document, scored = by_blob(tutorial, bad, ".json")
    assert (document["status"], document["error"], scored) == ("failed", error, None)


def test_bytes_that_a_script_returns_arrive_unchanged_through_three_triggers(raw):
    reply = raw.post(JPEG, "text/plain")
    assert (reply.status, reply.body, reply.headers["content-type"], reply.headers["x-own"]) == (
        200,
        b"\xff\xd8",
        "image/jpeg",
        "a",
    )
    document = by_message(raw, JPEG, "text/plain")
    encoded = base64.b64encode(reply.body).decode()
    assert document["result"] == {"content_type": "image/jpeg", "base64": encoded}
    document, scored = by_blob(raw, JPEG, "")
    assert (document["status"], scored) == ("succeeded", reply.body)


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"1/0", 500, "ZeroDivisionError at score.py:7 run"),
        (b"__import__('sys').exit(3)", 500, "SystemExit at score.py:7 run"),
        (b"AMLResponse('too blurred', 422)", 422, "the script answered 422: too blurred"),
    ],
)
def test_a_scripts_failure_is_reported_through_three_triggers_and_stops_none(
    raw, body, status, message
):
    assert raw.post(body, "text/plain").status == status
    error = {"code": "script_failed", "message": message}
    document = by_message(raw, body, "text/plain")
    assert (document["status"], document["error"]) == ("failed", error)
    document, scored = by_blob(raw, body, "")
    assert (document["status"], document["error"], scored) == ("failed", error, None)
    assert raw.get("/api/health/ready").json()["status"] == "ok"
    assert raw.post(b"'next'", "text/plain").json() == "next"
