"""Scripts written for Azure ML are called as Azure ML's own server calls them, case by case.

In process here; tests/peers sends the same requests to both servers' processes.
"""

from __future__ import annotations

import json
import sys
from urllib.parse import quote

import azure.functions as func
import pytest

from cache import keys
from cache.memory_cache import MemoryCache
from inference.results.result_store import ResultStore
from tests.inference.scripts.contract_case import FAILED, JSON, Case
from tests.inference.scripts.contract_cases import CASES
from tests.inference.scripts.contract_scripts import SCRIPTS, write
from tests.waiting import eventually_async
from triggers.http_trigger.score_blueprint import HttpHandler


@pytest.fixture
def handler_for(tmp_path, make_scorer):
    """`handler_for(name)`: the HTTP handler over the script of that name."""

    def make(name: str, timeout_s: str = "30") -> HttpHandler:
        store = MemoryCache()
        scorer = make_scorer(write(name, tmp_path / name), store, SCORING_TIMEOUT_S=timeout_s)
        return HttpHandler(scorer, ResultStore(store, keys.result_key, ttl_s=60))

    return make


def asking(case: Case) -> func.HttpRequest:
    query = "" if case.query is None else f"?{quote(case.query, safe='=&')}"
    return func.HttpRequest(
        method=case.method,
        url=f"http://localhost/api/score{query}",
        headers=case.headers(),
        body=case.body,
    )


def said(response: func.HttpResponse, case: Case):
    """The part of a response that the case's content is compared with."""
    if response.headers.get("content-type", response.mimetype) != JSON:
        return response.get_body()
    return case.compared_part(json.loads(response.get_body()))


@pytest.mark.parametrize("case", [case for case in CASES if b"hang" not in case.body], ids=str)
async def test_each_case_of_the_table(handler_for, case):
    response = await (handler := handler_for(case.script)).score(asking(case))
    assert (response.status_code, said(response, case)) == (case.status, case.content)
    assert response.headers.get("content-type", response.mimetype) == case.answer_type
    assert response.headers.get("x-own") == case.own_answer
    failed = response.headers.get("x-ms-run-function-failed") == "true"
    assert failed == case.run_failed
    await eventually_async(lambda: handler._scorer.state != "loading")
    ready = await handler._scorer.health()
    assert ready.model == ("ok" if case.starts else "failed")
    assert case.starts or case.content in ready.failure


async def test_after_a_script_hangs_the_next_request_is_answered(handler_for):
    (case,) = [case for case in CASES if b"hang" in case.body]
    handler = handler_for(case.script, timeout_s="0.2")

    async def survives() -> bool:
        answer = await handler.score(asking(Case("exec", b"...", 200, "survived")))
        return (answer.status_code, answer.get_body()) == (200, b'"survived"')

    await eventually_async(survives)  # it may take longer to load than a request may
    response = await handler.score(asking(case))
    assert (response.status_code, said(response, case)) == (case.status, case.content)
    assert await survives()
    sys.modules["entry_script"].hang.set()


def test_the_table_is_one_of_at_least_60_cases_and_most_are_answered_as_the_peer_does():
    assert {case.script for case in CASES} == set(SCRIPTS)
    assert len({str(case) for case in CASES}) == len(CASES) >= 60
    assert sum(case.peer is None for case in CASES) >= len(CASES) / 2
    assert {case.status for case in CASES if case.peer == FAILED} == {503}
