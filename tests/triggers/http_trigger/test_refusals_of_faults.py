"""Every error behind a route is answered with the documented JSON and the request's id."""

import json
import logging
import threading

import azure.functions as func
import pytest

from tests.triggers.http_trigger import v2_requests
from tests.triggers.http_trigger.test_score_blueprint import asking
from triggers.http_trigger import operations_blueprint
from triggers.http_trigger.open_inference_blueprint import OpenInferenceHandler
from triggers.http_trigger.score_blueprint import HttpHandler
from triggers.settings import TriggerSettings

SECRET = "a value of somebody's"


async def fails(*_, **__):
    raise RuntimeError(SECRET)


def get(**headers: str) -> func.HttpRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return func.HttpRequest(method="GET", url="http://localhost/api/x", headers=named, body=b"")


def check(response: func.HttpResponse, caplog, request_id: str = "r1") -> None:
    assert response.status_code == 500
    assert json.loads(response.get_body())["error"] == {
        "code": "internal_error",
        "message": "internal error (RuntimeError); the log of the server says where",
        "request_id": request_id,
    }
    check_log(caplog, request_id)


def check_log(caplog, request_id: str = "r1") -> None:
    (line,) = (each for each in caplog.messages if "RuntimeError" in each)
    assert request_id in line
    assert "test_refusals_of_faults.py" in line
    assert SECRET not in caplog.text


async def test_a_fault_while_scoring(scorer, results, caplog):
    scorer.predict = fails
    check(await HttpHandler(scorer, results).score(asking(x_request_id="r1")), caplog)


async def test_a_fault_outside_the_core(scorer, results, caplog):
    scorer.score = fails
    check(await HttpHandler(scorer, results).score(asking(x_request_id="r1")), caplog)


async def test_a_fault_while_a_result_is_fetched(scorer, results, caplog):
    results.get = fails
    response = await HttpHandler(scorer, results).result(asking(path="results/mine"))
    check(response, caplog, "mine")


async def test_a_fault_while_a_tensor_is_inferred(scorer, caplog):
    await scorer.script()
    scorer.predict = fails
    document = v2_requests.inputs(v2_requests.tensor([[0.9, 0.9, 0.9]]))
    response = await OpenInferenceHandler(scorer).infer(
        v2_requests.asking(document, x_request_id="r1")
    )
    assert response.status_code == 500
    assert json.loads(response.get_body()) == {
        "error": "internal error (RuntimeError); the log of the server says where"
    }
    assert response.headers["x-request-id"] == "r1"
    check_log(caplog)


@pytest.mark.parametrize("name", ["ready", "metrics", "openapi_json", "swagger_json"])
async def test_a_fault_while_the_app_is_described(scorer, caplog, name):
    await scorer.script()
    scorer.health = scorer.script = fails
    blueprint = operations_blueprint.blueprint(scorer, TriggerSettings())
    handlers = {
        each.get_function_name(): each.get_user_function()
        for each in (builder.build() for builder in blueprint._function_builders)
    }
    check(await handlers[name](get(x_request_id="r1")), caplog)


async def test_an_id_that_is_too_long_is_refused_under_an_id_of_its_own(scorer, results):
    response = await HttpHandler(scorer, results).score(asking(x_request_id="x" * 101))
    assert response.status_code == 431
    told = json.loads(response.get_body())["error"]["request_id"]
    assert len(told) == 32
    assert response.headers["x-request-id"] == told


async def test_a_timeout_is_logged_with_its_request(make_scorer, model_dir, results, caplog):
    caplog.set_level(logging.ERROR)
    scorer = make_scorer(model_dir, SCORING_TIMEOUT_S="0.1")
    script = await scorer.script()
    hang = threading.Event()
    script.run_rows = lambda _: hang.wait(10)
    response = await HttpHandler(scorer, results).score(asking(x_request_id="r1"))
    hang.set()
    assert response.status_code == 504
    assert any("r1" in line and "scoring_timeout" in line for line in caplog.messages)
