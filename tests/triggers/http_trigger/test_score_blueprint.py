import io
import json
import uuid

import azure.functions as func
import numpy as np
import orjson
import pytest

from inference.errors import ResultUnserialisable, ScoringTimeout, ScriptFailed
from inference.request import Request
from inference.results.result_store import ResultStore
from tests.inference.serving.test_scorer import Away
from triggers.http_trigger.score_blueprint import HttpHandler

ROW = b'{"data": [[0.9, 0.9, 0.9]]}'


def asking(body: bytes = ROW, path: str = "score", **headers: str) -> func.HttpRequest:
    return func.HttpRequest(
        method="POST",
        url=f"http://localhost:7071/api/{path}",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        route_params={"id": path.removeprefix("results/")},
        body=body,
    )


@pytest.fixture
def handler(scorer, results):
    return HttpHandler(scorer, results)


async def test_a_row_is_answered_with_its_declared_headers(handler, scorer):
    response = await handler.score(asking(content_type="application/json"))
    assert (response.status_code, response.get_body()) == (200, b"[1]")
    assert response.mimetype == "application/json"
    assert response.headers["x-cache"] == "miss"
    assert response.headers["x-model-version"] == scorer.model.version
    assert float(response.headers["x-ms-run-fn-exec-ms"]) > 0
    uuid.UUID(response.headers["x-request-id"])
    assert "age" not in response.headers


async def test_each_request_is_timed_refused_ones_too(handler, scorer):
    await handler.score(asking())
    await handler.score(asking(x_request_id="a" * 101))
    timed = {
        status: seconds
        for trigger, status, seconds in scorer.counts.requests.durations()
        if any(seconds.counts)
    }
    assert {status: sum(seconds.counts) for status, seconds in timed.items()} == {
        "2xx": 1,
        "4xx": 1,
    }
    assert all(seconds.sum > 0 for seconds in timed.values())


async def test_a_hit_has_its_age(handler):
    await handler.score(asking())
    response = await handler.score(asking())
    assert response.headers["x-cache"] == "hit"
    assert response.headers["age"] == "0"


async def test_no_cache_recomputes(handler):
    await handler.score(asking())
    response = await handler.score(asking(cache_control="no-cache"))
    assert response.headers["x-cache"] == "miss"


async def test_ids_are_echoed_up_to_100_characters(handler):
    response = await handler.score(asking(x_request_id="a" * 100, x_ms_client_request_id="b"))
    assert response.headers["x-request-id"] == "a" * 100
    assert response.headers["x-ms-client-request-id"] == "b"
    for name in ("x_request_id", "x_ms_client_request_id"):
        refused = await handler.score(asking(**{name: "a" * 101}))
        assert refused.status_code == 431
        assert json.loads(refused.get_body())["error"]["code"] == "id_too_long"


async def test_the_answer_comes_in_the_format_accepted(handler):
    response = await handler.score(asking(accept="text/csv"))
    assert (response.mimetype, response.get_body()) == ("text/csv", b"prediction\n1\n")
    response = await handler.score(asking(accept="application/x-npy"))
    assert np.load(io.BytesIO(response.get_body())).tolist() == [1]


@pytest.mark.parametrize(
    ("body", "headers", "status", "code", "says"),
    [
        (b"{", {}, 400, "malformed_input", "not JSON"),
        (b"", {}, 400, "malformed_input", "empty"),
        (b"", {"transfer_encoding": "chunked"}, 400, "malformed_input", "send Content-Length"),
        (ROW, {"accept": "image/png"}, 406, "unacceptable_answer", "image/png"),
        (b" " * 300_001, {}, 413, "input_too_large", "MAX_BODY_BYTES"),
        (orjson.dumps([[0]] * 50_001), {}, 413, "input_too_large", "MAX_ROWS"),
        (b"<x/>", {"content_type": "text/xml"}, 415, "unsupported_type", "text/xml"),
        (b"[[1, 2]]", {}, 422, "unfit_input", "expected a list of 3 values, got 2 values"),
        (b'[["a", 1, 2]]', {}, 422, "unfit_input", "row 0, column 0: expected a number"),
        (b"1,nan,2", {"content_type": "text/csv"}, 422, "unfit_input", "column 1: expected a fin"),
    ],
)
async def test_a_refusal_has_one_shape_and_names_the_problem(
    handler, store, body, headers, status, code, says
):
    response = await handler.score(asking(body, x_request_id="r1", **headers))
    error = json.loads(response.get_body())["error"]
    assert (response.status_code, error["code"], error["request_id"]) == (status, code, "r1")
    assert says in error["message"]
    assert response.headers["x-request-id"] == "r1"
    assert len(store) == 0


@pytest.mark.parametrize(
    ("error", "status", "header"),
    [
        (ScriptFailed("boom"), 500, ("x-ms-run-function-failed", "true")),
        (ResultUnserialisable("boom"), 500, ("x-ms-run-function-failed", "true")),
        (ScoringTimeout("late"), 504, ("x-request-id", "r1")),
    ],
)
async def test_failures_of_the_script_have_a_header_of_their_own(
    handler, scorer, monkeypatch, error, status, header
):
    async def fail(request: Request):
        raise error

    monkeypatch.setattr(scorer, "score", fail)
    response = await handler.score(asking(x_request_id="r1"))
    assert response.status_code == status
    assert response.headers[header[0]] == header[1]


async def test_an_error_in_finding_a_result_is_500(handler, results, monkeypatch):
    async def faulty(request_id):
        raise LookupError("secret")

    monkeypatch.setattr(results, "get", faulty)
    response = await handler.result(asking(path="results/r1"))
    error = json.loads(response.get_body())["error"]
    assert (response.status_code, error["code"]) == (500, "internal_error")
    assert error["request_id"] == "r1"
    assert b"secret" not in response.get_body()


async def test_a_result_whose_store_is_away_is_503_with_retry_after(scorer):
    response = await HttpHandler(scorer, ResultStore(Away(), str, ttl_s=60)).result(
        asking(path="results/r1")
    )
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")


async def test_an_unknown_result_is_404(handler):
    response = await handler.result(asking(path="results/nothing"))
    assert response.status_code == 404
    assert json.loads(response.get_body())["error"]["code"] == "unknown_result"


async def test_a_job_that_ends_while_its_result_is_asked_for_is_found(
    handler, results, monkeypatch
):
    """Its document is stored after the lookup of results, and it ends before that of jobs."""
    request = Request(id="r1", source="blob", body=b"")
    find = results.running.find

    async def ends_before(request_id):
        await results.finish(request, b'{"id":"r1"}')
        return await find(request_id)

    monkeypatch.setattr(results.running, "find", ends_before)
    response = await handler.result(asking(path="results/r1"))
    assert (response.status_code, response.get_body()) == (200, b'{"id":"r1"}')
