"""Bad input through each trigger: the error names it, nothing is stored, later inputs score."""

import io
import json
import uuid

import numpy as np
import pytest
import redis
from azure.servicebus import ServiceBusMessage


def npy(array) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


#: name, body, content type, the blob's ending, HTTP status, code, what the message names
CASES = [
    (
        "malformed JSON",
        b'{"data": [[1,',
        "application/json",
        "json",
        400,
        "malformed_input",
        "JSON",
    ),
    ("wrong column count", b"[[1, 2]]", "application/json", "json", 422, "unfit_input", "3 values"),
    ("wrong column count in CSV", b"1,2\n", "text/csv", "csv", 422, "unfit_input", "3 values"),
    ("text for a number", b"1,2,x\n", "text/csv", "csv", 422, "unfit_input", "got 'x'"),
    ("NaN", b"1,2,NaN\n", "text/csv", "csv", 422, "unfit_input", "finite number"),
    ("NaN in JSON", b"[[1,2,NaN]]", "application/json", "json", 400, "malformed_input", "null"),
    (
        "NaN in npy",
        npy(np.full((1, 3), np.nan)),
        "application/x-npy",
        "npy",
        422,
        "unfit_input",
        "f",
    ),
    ("empty body", b"", "application/json", "json", 400, "malformed_input", "empty"),
    ("unknown type", b"<x/>", "application/xml", "xml", 415, "unsupported_type", "xml"),
    ("too large", b" " * 200_001, "application/json", "json", 413, "input_too_large", "200,000"),
]
CASE = pytest.mark.parametrize(
    ("body", "kind", "ending", "status", "code", "says"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)


@pytest.fixture(autouse=True)
def nothing_stored(app):
    """No prediction is in the cache after a failed request."""
    yield
    with redis.Redis.from_url(app.redis.url) as client:
        assert list(client.scan_iter("triscore:p:*")) == []


@CASE
def test_http_refuses_it_with_its_status(app, body, kind, ending, status, code, says):
    reply = app.post(body, kind)
    assert (reply.status, reply.json()["error"]["code"]) == (status, code)
    assert says in reply.json()["error"]["message"]


@CASE
def test_a_message_ends_in_a_failed_document(app, body, kind, ending, status, code, says):
    name = uuid.uuid4().hex
    app.send(
        ServiceBusMessage(body, message_id=name, application_properties={"content_type": kind})
    )
    (document,) = app.inbox.of(name)
    assert (document["status"], document["error"]["code"]) == ("failed", code)
    assert says in document["error"]["message"]
    assert app.get(f"/api/results/{name}").json() == document


@CASE
def test_a_blob_ends_in_a_failed_document(app, body, kind, ending, status, code, says):
    name = f"{uuid.uuid4().hex}.{ending}"
    app.upload(name, body)
    report = app.report(name)
    (document,) = app.inbox.of(report["id"])
    assert (document["status"], document["error"]["code"]) == ("failed", code)
    assert says in document["error"]["message"]
    assert app.output(name) is None


def test_the_queue_is_still_served_afterwards(app):
    names = [uuid.uuid4().hex for _ in CASES]
    app.send(
        *(
            ServiceBusMessage(body, message_id=name, application_properties={"content_type": kind})
            for name, (_, body, kind, *_) in zip(names, CASES, strict=True)
            if len(body) < 100_000
        )
    )
    app.send(ServiceBusMessage(json.dumps([[1, 2]]), message_id="last"))
    app.inbox.of("last")
