"""The text of a script's exception is not shown, through three triggers and in the host's log."""

from __future__ import annotations

import json
import uuid

import pytest
from azure.servicebus import ServiceBusMessage

from tests.waiting import eventually

SECRET = "account 4711"
RAISES = "def init(): ...\ndef run(data): raise ValueError('account 4711')\n"
UNSTARTED = "def init(): raise ValueError('account 4711')\ndef run(data): ...\n"
SHOWN = "ValueError at score.py:2 run"


def scripted(folder, text):
    (folder / "score.py").write_text(text)
    return str(folder)


def log_of(app):
    return (app.folder / "host.log").read_text()


@pytest.fixture(scope="module")
def raising(make_app, tmp_path_factory):
    return make_app(AZUREML_MODEL_DIR=scripted(tmp_path_factory.mktemp("raises"), RAISES))


def test_a_failed_request_shows_kind_and_place_and_is_logged_with_its_id(raising):
    reply = raising.post(b"x", "text/plain", x_request_id="asked-1")
    assert (reply.status, reply.json()["error"]["message"]) == (500, SHOWN)
    raising.send(ServiceBusMessage(b"x", message_id="sent-1"))
    name = f"{uuid.uuid4().hex}.txt"
    raising.upload(name, b"x")
    report = raising.report(name)
    documents = raising.inbox.of("sent-1", report["id"])
    assert [each["error"]["message"] for each in (*documents, report)] == [SHOWN] * 3
    log = log_of(raising)
    for request in ("asked-1", "sent-1", report["id"]):
        (line,) = [line for line in log.splitlines() if request in line]
        assert "ValueError at " in line
    assert SECRET not in log + json.dumps([report, *documents])


def test_the_text_of_a_failed_start_is_not_shown(make_app, tmp_path_factory):
    folder = scripted(tmp_path_factory.mktemp("unstarted"), UNSTARTED)
    app = make_app(AZUREML_MODEL_DIR=folder, answers="/api/health/live")
    reply = app.post(b"x", "text/plain")
    assert reply.status == 503
    ready = eventually(lambda: app.get("/api/health/ready"), 10)
    assert "did not start: ValueError at score.py:1 init" in ready.body.decode()
    app.upload("a.txt", b"x")
    # The platform logs the error with which the blob's call failed.
    eventually(lambda: "score_blob" in log_of(app), 30)
    assert SECRET not in log_of(app) + ready.body.decode() + reply.body.decode()
    app.host.kill()  # a stop would wait for the blob, which waits for the script


def test_show_script_errors_shows_the_text(make_app, tmp_path_factory):
    folder = scripted(tmp_path_factory.mktemp("shown"), RAISES)
    app = make_app(AZUREML_MODEL_DIR=folder, SHOW_SCRIPT_ERRORS="True")
    assert app.post(b"x", "text/plain").json()["error"]["message"] == f"ValueError: {SECRET}"
    assert SECRET in log_of(app)
