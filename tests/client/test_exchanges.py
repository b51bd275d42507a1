"""When a client tries again, waits and gives up: the exchanges with answers made up here."""

import json

import pytest
from httpx2 import Response

from triscore_client import AppUnavailable, Refused, ScoringFailed, exchanges
from triscore_client.exchanges import Request

ROWS = [[1, 2]]
OVERLOADED = Response(503, headers={"Retry-After": "2"}, json={"error": {"message": "too much"}})


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
    assert requests[0] == requests[1]
    assert (answer.predictions, answer.cache, answer.age_s) == ([3], "hit", 7)


def test_a_lost_reply_of_an_enqueued_request_is_asked_for_under_the_same_id():
    requests, waits, name = play(exchanges.enqueue(ROWS, 60), None, None, Response(202))
    assert {request.headers["x-request-id"] for request in requests} == {name}
    assert 0 < waits[0] <= 0.1 < waits[1] * 2 <= 0.4


@pytest.mark.parametrize("reply", [None, OVERLOADED])
def test_no_wait_goes_beyond_the_timeout(reply):
    with pytest.raises(AppUnavailable, match=r"did not answer within 0 s|too much"):
        play(exchanges.score(ROWS, 0), reply)


def test_a_refusal_is_not_tried_again_and_says_why():
    error = {"error": {"code": "unfit_input", "message": "row 0: …", "request_id": "r1"}}
    with pytest.raises(Refused, match="row 0") as found:
        play(exchanges.score(ROWS, 60), Response(422, json=error))
    assert (found.value.status, found.value.code, found.value.request_id) == (
        422,
        "unfit_input",
        "r1",
    )


def test_a_refusal_of_the_platform_has_no_document():
    with pytest.raises(Refused, match="the key is missing or wrong"):
        play(exchanges.score(ROWS, 60), Response(401, content=b""))


def test_a_result_is_waited_for_as_long_as_the_app_says():
    pending = Response(202, headers={"Retry-After": "1"}, json={"status": "pending"})
    done = Response(200, json={"status": "succeeded", "result": [3]})
    _, waits, document = play(exchanges.result("a/b", 60), pending, pending, done)
    assert waits == [1.0, 1.0]
    assert document["result"] == [3]
    with pytest.raises(AppUnavailable, match="has no result yet"):
        play(exchanges.result("a/b", 0.5), pending)


def test_a_failed_result_is_raised_with_its_document():
    failed = {"status": "failed", "error": {"message": "row 0: …"}}
    with pytest.raises(ScoringFailed, match="row 0") as found:
        play(exchanges.result("a", 60), Response(200, json=failed))
    assert found.value.document == failed


def test_an_id_is_one_part_of_the_path():
    ((request,), _, _) = play(exchanges.cancel("a/../b?", 60), Response(204))
    assert request.url == "/api/results/a%2F..%2Fb%3F"


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
