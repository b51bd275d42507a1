"""When a client tries again, waits and gives up: the exchanges with answers made up here."""

import json

import pytest
from httpx2 import ConnectError, LocalProtocolError, ReadTimeout, Response
from httpx2 import Request as Sent

from triscore_client import (
    AppUnavailable,
    AsyncClient,
    Client,
    ClientError,
    Refused,
    ResultPending,
    ScoringFailed,
    exchanges,
)
from triscore_client.exchanges import Request

ROWS = [[1, 2]]
OVERLOADED = Response(503, headers={"Retry-After": "2"}, json={"error": {"message": "too much"}})
SENT = Sent("POST", "http://app:7071/api/score")
AWAY = ConnectError("Connection refused", request=SENT)


def play(exchange, *replies):
    """Give the replies in turn. Returns the requests, the waits and what the exchange returns."""
    left, requests, waits, reply = list(replies), [], [], None
    try:
        while True:
            step = exchange.send(reply)
            reply = None
            if isinstance(step, Request):
                requests.append(step)
                reply = left.pop(0)
            else:
                waits.append(step)
    except StopIteration as end:
        assert not left
        return requests, waits, end.value


def test_an_overloaded_app_is_asked_again_when_it_says():
    answered = Response(200, headers={"x-cache": "hit", "age": "7"}, json=[3])
    requests, waits, answer = play(exchanges.score(ROWS, 60), OVERLOADED, answered)
    assert waits == [2.0]
    assert requests[0]._replace(timeout=0) == requests[1]._replace(timeout=0)
    assert (answer.predictions, answer.cache, answer.age_s) == ([3], "hit", 7)


def test_a_lost_reply_of_an_enqueued_request_is_asked_for_under_the_same_id():
    requests, waits, name = play(exchanges.enqueue(ROWS, 60), AWAY, AWAY, Response(202))
    assert {request.headers["x-request-id"] for request in requests} == {name}
    assert 0 < waits[0] <= 0.1 < waits[1] * 2 <= 0.4


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (AWAY, r"does not answer at http://app:7071 \(Connection refused\): start it"),
        (ReadTimeout("", request=SENT), r"at http://app:7071 \(tried for 0.1 s\)"),
        (OVERLOADED, "too much"),
    ],
)
def test_no_wait_goes_beyond_the_timeout(reply, says):
    with pytest.raises(AppUnavailable, match=says):
        play(exchanges.score(ROWS, 0), reply)


def test_a_try_gets_the_time_that_is_left():
    with pytest.raises(AppUnavailable):
        play(exchanges.result("a", 60, 0.05), AWAY)
    requests, _, _ = play(exchanges.score(ROWS, 3), AWAY, AWAY, Response(200, json=[3]))
    assert 3 >= requests[0].timeout >= requests[1].timeout >= requests[2].timeout > 2
    once = exchanges.result("a", 60, 0)
    assert once.send(None).timeout == 60
    with pytest.raises(ResultPending, match="a has no result yet") as pending:
        once.send(Response(202, json={"status": "pending", "share": 0.5}))
    assert pending.value.progress["share"] == 0.5


@pytest.mark.parametrize(
    "ask", [exchanges.enqueue, exchanges.score, exchanges.cancel, exchanges.send]
)
def test_a_redirect_is_refused_and_names_its_place(ask):
    moved = Response(301, headers={"location": "https://app/api/score"})
    metrics = Request("GET", "/api/metrics", {})
    given = {exchanges.cancel: "id", exchanges.send: metrics}.get(ask, ROWS)
    with pytest.raises(Refused, match="a redirect to https://app/api/score: give the address"):
        play(ask(given, 60), moved)


def test_rows_that_were_answered_at_once_were_not_enqueued():
    with pytest.raises(ClientError, match="answered at once and keeps no result: use score"):
        play(exchanges.enqueue(ROWS, 60), Response(200, json=[3]))


def test_an_answer_that_is_no_json_names_what_it_is():
    text = Response(200, headers={"content-type": "text/plain"}, content=b"seven")
    for exchange in (exchanges.score(ROWS, 60), exchanges.result("a", 60, None)):
        with pytest.raises(ClientError, match="expected JSON, got text/plain"):
            play(exchange, text)


def test_an_address_that_takes_no_connection_is_tried_for_five_seconds(monkeypatch):
    clock = iter(range(0, 1000, 2))
    monkeypatch.setattr(exchanges.time, "monotonic", lambda: next(clock))
    with pytest.raises(AppUnavailable, match="Connection refused"):
        play(exchanges.score(ROWS, 60), AWAY, AWAY)


def test_the_apps_own_timeout_is_final_and_a_gateways_is_not():
    own = Response(504, json={"error": {"code": "scoring_timeout", "message": "over 60 s"}})
    with pytest.raises(Refused, match="over 60 s"):
        play(exchanges.score(ROWS, 60), own)
    _, waits, answer = play(exchanges.score(ROWS, 60), Response(504), Response(200, json=[3]))
    assert (len(waits), answer.predictions) == (1, [3])


def test_a_request_that_can_not_be_sent_is_not_tried_again():
    with pytest.raises(ClientError, match="can't be sent: Illegal header value"):
        play(exchanges.score(ROWS, 60), LocalProtocolError("Illegal header value", request=SENT))


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize(
    ("url", "key", "says"),
    [
        ("localhost:7071", "", r"url 'localhost:7071': expected http://… or https://…"),
        ("", "", "url '': expected http"),
        ("http://127.0.0.1:port", "", "url 'http://127.0.0.1:port': Invalid port"),
        ("http://localhost", "secret\n", "key: expected ASCII letters"),
        ("http://localhost", "schlüssel", "key: expected ASCII letters"),
    ],
)
def test_an_address_or_a_key_that_can_not_be_one_is_named_at_once(kind, url, key, says):
    with pytest.raises(ClientError, match=says) as found:
        kind(url, key=key)
    assert "secret" not in str(found.value)


def test_a_refusal_is_not_tried_again_and_says_why():
    error = {"error": {"code": "unfit_input", "message": "row 0: …", "request_id": "r1"}}
    with pytest.raises(Refused, match="row 0") as found:
        play(exchanges.score(ROWS, 60), Response(422, json=error))
    assert (found.value.status, found.value.code, found.value.request_id) == (
        422,
        "unfit_input",
        "r1",
    )


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "the key is missing or wrong: give a function key of the app"),
        (404, r"the app is not at this address \(HTTP 404\): check it"),
        (405, "HTTP 405"),
    ],
)
def test_a_refusal_of_the_platform_has_no_document(status, says):
    with pytest.raises(Refused, match=says):
        play(exchanges.score(ROWS, 60), Response(status, content=b""))


def test_a_result_is_waited_for_as_long_as_the_app_says():
    pending = Response(202, headers={"Retry-After": "1"}, json={"status": "pending"})
    done = Response(200, json={"status": "succeeded", "result": [3]})
    _, waits, document = play(exchanges.result("a/b", 60, None), pending, pending, done)
    assert waits == [1.0, 1.0]
    assert document["result"] == [3]
    with pytest.raises(AppUnavailable, match="has no result yet"):
        play(exchanges.result("a/b", 60, 0.5), pending)


def test_a_failed_result_is_raised_with_its_document():
    failed = {"status": "failed", "error": {"message": "row 0: …"}}
    with pytest.raises(ScoringFailed, match="row 0") as found:
        play(exchanges.result("a", 60, None), Response(200, json=failed))
    assert found.value.document == failed


def test_an_id_is_one_part_of_the_path():
    ((request,), _, _) = play(exchanges.cancel("a/../b?", 60), Response(204))
    assert request.url == "/api/results/a%2F..%2Fb%3F"


def test_compressed_bytes_say_so():
    told = {"content_type": "text/csv", "content_encoding": "gzip"}
    for exchange, reply in (
        (exchanges.score, Response(200, json=[3])),
        (exchanges.enqueue, Response(202)),
    ):
        ((request,), _, _) = play(exchange(b"...", 60, **told), reply)
        assert request.headers["content-encoding"] == "gzip"


def test_rows_travel_in_the_format_that_keeps_their_types():
    numpy, pandas = __import__("numpy"), __import__("pandas")
    sent = {
        "application/json": ROWS,
        "application/x-npy": numpy.array(ROWS),
        "application/vnd.apache.parquet": pandas.DataFrame({"a": [1]}),
    }
    answered = Response(200, content=json.dumps([3]))
    for content_type, rows in sent.items():
        ((request,), _, _) = play(exchanges.score(rows, 60), answered)
        assert request.headers["content-type"] == content_type
    with pytest.raises(TypeError, match="bytes need a content_type"):
        play(exchanges.score(b"1,2", 60))
