"""The metrics of a process, read with the parser of Prometheus' own client."""

import asyncio
import json
import os
import platform
import re
from typing import get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cache.degradation import Degradation
from inference.errors import ModelUnavailable
from inference.request import CacheStatus
from tests.inference.serving.test_scorer import Away
from tests.triggers.description import documented
from tests.triggers.http_trigger import v2_requests
from tests.triggers.http_trigger.test_score_blueprint import asking
from tests.triggers.service_bus_trigger.test_service_bus_blueprint import message
from triggers.http_trigger.score_blueprint import HttpHandler
from triggers.service_bus_trigger.message_scoring import MessageHandler


def parsed(text: bytes) -> dict[str, float]:
    """Values by series, as PromQL writes one. `host`, `pid` and empty labels are left out."""
    values, hosts = {}, set()
    for family in text_string_to_metric_families(text.decode()):
        for name, labels, value, *_ in family.samples:
            hosts.add(labels.pop("host"))
            labels.pop("pid", None)
            matchers = ",".join(f'{k}="{v}"' for k, v in sorted(labels.items()) if v)
            series = f"{name}{{{matchers}}}" if matchers else name
            assert series not in values
            values[series] = value
    assert len(hosts) == 1
    return values


async def scraped(scorer):
    response = await documented.asking(scorer)("metrics")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return parsed(response.get_body())


def row(number: float) -> bytes:
    return json.dumps({"data": [[number, 0.9, 0.9]]}).encode()


async def test_a_process_that_has_done_nothing_names_its_model_and_counts_nothing(scorer):
    await scorer.script()
    told = await scraped(scorer)
    version = scorer.model.version
    assert told[f'triscore_model_info{{name="sum",version="{version}"}}'] == 1
    assert told["triscore_model_ready"] == told["triscore_cache_up"] == 1
    assert told.pop("process_cpu_seconds_total") > 0
    counters = {series: told[series] for series in told if re.search(r"_(total|count)\b", series)}
    assert set(counters.values()) == {0}
    assert [series for series in counters if "answers" in series] == [
        f'triscore_answers_total{{outcome="{how}"}}' for how in get_args(CacheStatus)
    ]


async def test_every_sample_names_its_host_and_those_of_a_process_its_id(scorer):
    text = (await documented.asking(scorer)("metrics")).get_body().decode()
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert [line for line in samples if f'host="{platform.node()}"' not in line] == []
    processes = [line for line in samples if line.startswith("process_")]
    assert processes
    assert [line for line in processes if f'pid="{os.getpid()}"' not in line] == []


async def test_requests_are_counted_by_trigger_and_status(scorer, results, v2_handler):
    handler = HttpHandler(scorer, results)
    for body in (row(0.5), row(0.5), b"{"):
        await handler.score(asking(body))
    await v2_handler.infer(v2_requests.asking(name="another"))
    messages = MessageHandler(scorer, results)
    await messages.score([message(row(0.6)), message(b"[", name="m2")])
    told = await scraped(scorer)
    assert {series: told[series] for series in told if "triscore_requests" in series} == {
        'triscore_requests_total{route="score",status="200",trigger="http"}': 2,
        'triscore_requests_total{route="score",status="400",trigger="http"}': 1,
        'triscore_requests_total{route="v2",status="404",trigger="http"}': 1,
        'triscore_requests_total{status="succeeded",trigger="servicebus"}': 1,
        'triscore_requests_total{status="failed",trigger="servicebus"}': 1,
    }


async def test_each_delivery_of_a_message_is_counted(make_scorer, tmp_path, results):
    (tmp_path / "score.py").write_text("def init(): 1 / 0\ndef run(data): ...")
    scorer = make_scorer(tmp_path)
    handler = MessageHandler(scorer, results, retry_s=0)
    for _ in range(2):
        with pytest.raises(ModelUnavailable):
            await handler.score([message()])
    told = await scraped(scorer)
    assert told['triscore_requests_total{status="returned",trigger="servicebus"}'] == 2
    assert told["triscore_model_ready"] == 0


async def test_lookups_are_counted_by_cache_and_answers_by_how_they_came_about(scorer, results):
    handler = HttpHandler(scorer, results)
    await handler.score(asking(row(0.5)))
    await handler.score(asking(row(0.5)))
    await handler.score(asking(b"0.5,0.9,0.9\n0.6,0.9,0.9\n", content_type="text/csv"))
    told = await scraped(scorer)
    lookups = {series: value for series, value in told.items() if "cache_lookup" in series}
    shares = {series: lookups.pop(series) for series in list(lookups) if "ratio" in series}
    assert shares['triscore_cache_lookup_ratio{cache="near",rows="one"}'] == 1
    assert shares['triscore_cache_lookup_ratio{cache="redis",rows="one"}'] == 0  # there is none
    assert len(lookups) == 4 * 3  # each cache, each outcome
    assert {series: value for series, value in lookups.items() if value} == {
        'triscore_cache_lookups_total{cache="response",outcome="hit"}': 1,
        'triscore_cache_lookups_total{cache="response",outcome="miss"}': 2,
        'triscore_cache_lookups_total{cache="near",outcome="hit"}': 1,
        'triscore_cache_lookups_total{cache="near",outcome="miss"}': 2,
        'triscore_cache_lookups_total{cache="in_flight",outcome="miss"}': 2,
    }
    assert told['triscore_answers_total{outcome="hit"}'] == 1
    assert told['triscore_answers_total{outcome="miss"}'] == 2
    assert told["triscore_model_call_rows_sum"] == 2


async def test_model_calls_are_counted_by_their_seconds_and_their_rows(scorer, results):
    await scorer.script()
    handler = HttpHandler(scorer, results)
    asked = [handler.score(asking(row(number / 100))) for number in range(7)]
    await asyncio.gather(*asked)
    told = await scraped(scorer)
    calls = told["triscore_model_call_rows_count"]
    assert calls == told["triscore_model_call_duration_seconds_count"] < 7
    assert told["triscore_model_call_rows_sum"] == 7
    assert 0 < told["triscore_model_call_duration_seconds_sum"] < 5
    assert told['triscore_model_call_rows_bucket{le="1.0"}'] < calls
    for name in ("model_call_rows", "model_call_duration_seconds"):
        assert told[f'triscore_{name}_bucket{{le="+Inf"}}'] == calls


async def test_rows_that_are_answered_together_are_counted_and_a_scripts_input_is_one(
    scorer, make_scorer, tmp_path, results, monkeypatch
):
    monkeypatch.setattr(await scorer.script(), "_independent", False)
    body = b"0.5,0.9,0.9\n0.6,0.9,0.9\n"
    await HttpHandler(scorer, results).score(asking(body, content_type="text/csv"))
    assert (await scraped(scorer))["triscore_model_call_rows_sum"] == 2
    (tmp_path / "score.py").write_text("def init(): ...\ndef run(data): return len(data)")
    scripted = make_scorer(tmp_path)
    await HttpHandler(scripted, results).score(asking(body))
    assert (await scraped(scripted))["triscore_model_call_rows_sum"] == 1


async def test_pending_answers_are_counted(scorer, results):
    await scorer.script()
    waiting = asyncio.create_task(HttpHandler(scorer, results).score(asking()))
    async with asyncio.timeout(5):
        while not scorer.counts.waiting:
            await asyncio.sleep(0)
    assert (await scraped(scorer))["triscore_pending_answers"] == 1
    await waiting
    assert (await scraped(scorer))["triscore_pending_answers"] == 0


async def test_a_cache_that_is_away_is_not_up(scorer, monkeypatch):
    monkeypatch.setattr(scorer, "_cache", Away())
    told = await scraped(scorer)
    assert told["triscore_cache_up"] == told["triscore_cache_writable"] == 0


async def test_a_cache_that_answers_and_takes_no_writes_names_the_reason(scorer, store):
    degraded = 'triscore_cache_degraded_info{reason="read_only"}'
    told = await scraped(scorer)
    assert told["triscore_cache_writable"] == 1
    assert degraded not in told
    store.degradation = Degradation("read_only", "it is a replica")
    told = await scraped(scorer)
    assert told["triscore_cache_up"] == told[degraded] == 1
    assert told["triscore_cache_writable"] == 0
