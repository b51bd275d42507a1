"""Each request, blob and message of the app has one line in the log, in JSON for a file."""

import json
import uuid

import pytest
from azure.servicebus import ServiceBusMessage

from tests.waiting import eventually

ROW = b'{"data": [[0.9, 0.9, 0.9]]}'


@pytest.fixture(scope="module")
def app(make_app):
    return make_app(REQUEST_LOG="auto")


def lines(app, *ids):
    """The lines of the requests with these ids, once each has one."""

    def found():
        log = (app.folder / "host.log").read_text()
        read = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
        mine = {each["request_id"]: each for each in read if each["request_id"] in ids}
        return mine if set(mine) == set(ids) else None

    return eventually(found, 30)


def test_http_blobs_and_messages_each_have_one_line(app):
    reply = app.post(ROW, x_request_id="asked-1")
    app.post(b"{", x_request_id="asked-2")
    app.send(ServiceBusMessage(ROW, message_id="sent-1"))
    app.upload("rows.csv", b"0.9,0.9,0.9\n0.1,0.1,0.1\n")
    blob_id = app.report("rows.csv")["id"]
    found = lines(app, "asked-1", "asked-2", "sent-1", blob_id)
    shown = ("trigger", "route", "status", "error", "rows")
    assert {name: tuple(line[key] for key in shown) for name, line in found.items()} == {
        "asked-1": ("http", "score", 200, None, 1),
        "asked-2": ("http", "score", 400, "malformed_input", None),
        "sent-1": ("servicebus", None, "succeeded", None, 1),
        blob_id: ("blob", None, "succeeded", None, 2),
    }
    assert {line["model_version"] for line in found.values()} == {reply.headers["x-model-version"]}
    assert all(line["event"] == "request" and line["ms"] > 0 for line in found.values())
    log = (app.folder / "host.log").read_text()
    for name in found:
        assert log.count(f'"request_id":"{name}"') == 1
    assert '"data"' not in log


def test_no_id_begins_a_line_or_reaches_the_terminal(app):
    name = f"sent\n{{}}\x1b[2J{uuid.uuid4().hex}"
    app.send(ServiceBusMessage(ROW, message_id=name))
    escaped = repr(name)[1:-1]
    assert lines(app, escaped)[escaped]["status"] == "succeeded"
    log = (app.folder / "host.log").read_text()
    assert "\x1b" not in log
    assert "\n{}" not in log
