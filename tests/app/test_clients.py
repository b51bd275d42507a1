"""Both clients, and the commands that use them, with a running app."""

import asyncio
import inspect
import json
import os
import subprocess
import sys
from collections import Counter

import pytest

from cli.running_app.load_test import Measurement
from cli.running_app.watching import Meter
from triscore_client import AppUnavailable, AsyncClient, Client, Refused

ROWS = [[0.9, 0.9, 0.9], [0.1, 0.1, 0.1]]


class Awaited:
    """An AsyncClient with the methods of a Client."""

    def __init__(self, *arguments, **options):
        self._loop = asyncio.new_event_loop()
        self._client = AsyncClient(*arguments, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._loop.run_until_complete(self._client.__aexit__())
        self._loop.close()

    def __getattr__(self, name):
        method = getattr(self._client, name)
        return lambda *given, **named: self._loop.run_until_complete(method(*given, **named))


@pytest.fixture(params=[Client, Awaited])
def client(request, app):
    with request.param(app.host.url, timeout_s=30) as client:
        yield client


def test_rows_are_scored_and_then_cached(client):
    assert client.score(ROWS, fresh=True).predictions == [1, 0]
    answer = client.score(ROWS)
    assert (answer.predictions, answer.cache) == ([1, 0], "hit")
    assert answer.model_version


def test_probabilities_come_with_their_classes(client):
    answer = client.score(b"0.9,0.9,0.9\n", content_type="text/csv", output="probabilities")
    assert answer.predictions == [1]
    assert answer.classes == [0, 1]
    assert sum(answer.probabilities[0]) == pytest.approx(1)


def test_an_enqueued_request_is_answered_later(client):
    document = client.result(client.enqueue(ROWS))
    assert document["result"] == [1, 0]


def test_a_request_that_does_not_fit_is_refused(client):
    with pytest.raises(Refused, match="row 0"):
        client.score([[1, 2]])
    with pytest.raises(Refused, match="row 0"):
        client.enqueue([[1, 2]])
    with pytest.raises(Refused, match="No such id"):
        client.result("unknown", 0)


def test_the_metrics_are_text(client):
    assert "triscore_model_info" in client.metrics()


@pytest.mark.parametrize("kind", [Client, Awaited])
def test_an_app_that_is_away_is_one_error(kind):
    with kind("http://127.0.0.1:9", timeout_s=0.3) as client, pytest.raises(AppUnavailable):
        client.score(ROWS)


def test_both_clients_have_the_same_methods():
    def signatures(kind):
        public = inspect.getmembers(kind, inspect.isfunction)
        return {name: list(inspect.signature(f).parameters) for name, f in public if name[0] != "_"}

    assert signatures(Client) == signatures(AsyncClient)


@pytest.fixture
def triscore(app, tmp_path):
    """`triscore(*words, typed=…)`: a command for this app, run to its end."""

    def run(*words, typed=""):
        return subprocess.run(
            [sys.executable, "-m", "cli", *words, "--url", app.host.url],
            input=typed,
            env=os.environ | {"ServiceBusConnection": app.servicebus.connection_string},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_rows_are_enqueued_and_their_result_is_found_by_its_id(triscore):
    enqueued = triscore("enqueue", "-", typed=json.dumps(ROWS))
    found = triscore("results", enqueued.stdout.strip(), "--wait", "20")
    assert (found.returncode, found.stdout) == (0, "[1, 0]\n")
    waited = triscore("enqueue", "-", "--count", "3", "--wait", "--json", typed=json.dumps(ROWS))
    assert [json.loads(line)["result"] for line in waited.stdout.splitlines()] == [[1, 0]] * 3


def test_what_is_refused_or_unknown_has_an_exit_code(triscore):
    assert triscore("enqueue", "-", typed="[[1, 2]]").returncode == 2
    unknown = triscore("results", "unknown")
    assert unknown.returncode == 2
    assert unknown.stderr.startswith("No such id")


def test_stats_and_watch_show_what_the_app_did(triscore, app):
    app.post(json.dumps(ROWS).encode())
    document = json.loads(triscore("stats", "--json").stdout)
    assert document["ready"]
    assert document["requests"]["http"]["200"] > 0
    assert "messages wait, 0 are dead-lettered" in document["queue"]
    assert "Requests, http" in triscore("stats").stdout
    assert (
        len(triscore("watch", "--count", "2", "--every", "0.2", "--json").stdout.splitlines()) == 2
    )


def test_a_load_test_says_whether_the_cache_pays(triscore, tmp_path):
    (tmp_path / "rows.json").write_text(json.dumps(ROWS))
    command = ("load", str(tmp_path / "rows.json"), "--seconds", "1", "--connections", "2")
    done = triscore(*command, "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert found["cached"]["x_cache"].keys() <= {"hit", "bypass"}
    assert found["computed"]["requests"] > 0 == len(found["computed"]["failures"])
    assert "The cache" in found["verdict"]


def test_a_load_test_of_nothing_says_what_to_do(triscore, tmp_path):
    (tmp_path / "rows.json").write_text("[[1, 2]]")
    done = triscore("load", str(tmp_path / "rows.json"), "--seconds", "1")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("row 0: expected a list of 3 values")


def test_a_way_without_an_answer_has_no_times():
    document = Measurement(seconds=1, failures=Counter({503: 2})).document()
    assert (document["p50_ms"], document["failures"]) == (None, {"503": 2})


def test_a_rate_is_of_one_process_and_of_the_time_that_passed():
    def look(process, count):
        return {"process": process, "requests": {"http": {"200": count}}}

    meter = Meter()
    assert meter.read(look("a", 10), 0) == {}
    assert meter.read(look("b", 500), 2) == {}
    assert meter.read(look("a", 30), 4) == {"http": 5}
    assert meter.read(look("b", 400), 5) == {}  # it started anew
    assert meter.read(look("b", 403), 8) == {"http": 1}
