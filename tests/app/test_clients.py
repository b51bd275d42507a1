"""Both clients, and the commands that use them, with a running app."""

import asyncio
import gzip
import inspect
import json
import os
import subprocess
import sys

import pytest

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
        self._loop.run_until_complete(self._client.aclose())
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


def test_any_request_can_be_sent(client):
    headers = {"content-type": "text/csv", "accept": "text/csv"}
    reply = client.request("POST", "/api/score", headers, b"0.9,0.9,0.9\n")
    assert reply.text == "prediction\n1\n"


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

    awaited = signatures(AsyncClient)
    awaited["close"] = awaited.pop("aclose")  # as in httpx
    assert signatures(Client) == awaited


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


def test_rows_of_any_format_are_enqueued(triscore, tmp_path):
    (tmp_path / "rows.csv.gz").write_bytes(gzip.compress(b"0.9,0.9,0.9\n0.1,0.1,0.1\n"))
    assert triscore("enqueue", str(tmp_path / "rows.csv.gz"), "--wait").stdout == "[1, 0]\n"
    typed = triscore("enqueue", "-", "--content-type", "text/csv", "--wait", typed="0.9,0.9,0.9\n")
    assert typed.stdout == "[1]\n"


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
    assert found["cached"]["in_app_ms"] > 0
    assert "The cache" in found["verdict"]


@pytest.mark.long
def test_a_load_test_can_send_each_row_by_itself(triscore):
    rows = "".join(f"[0.9, 0.9, 0.{at}]\n" for at in range(100_000, 115_000))
    words = ("--content-type", "application/jsonl", "--by-row", "--seconds", "1", "--json")
    found = json.loads(triscore("load", "-", *words, typed=rows).stdout)
    assert "hit" not in found["cached"]["x_cache"]
    assert found["verdict"].startswith("The cache answered none of these requests")


def test_a_load_test_of_nothing_says_what_to_do(triscore, tmp_path):
    (tmp_path / "rows.json").write_text("[[1, 2]]")
    done = triscore("load", str(tmp_path / "rows.json"), "--seconds", "1")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("row 0: expected a list of 3 values")


def test_a_rate_is_of_one_host_and_of_the_time_that_passed():
    def look(host, count):
        return {"host": host, "requests": {"http": {"200": count}}}

    meter = Meter()
    assert meter.read(look("a", 10), 0) == {}
    assert meter.read(look("b", 500), 2) == {}
    assert meter.read(look("a", 30), 4) == {"http": 5}
    assert meter.read(look("b", 400), 5) == {}  # it started anew
    assert meter.read(look("b", 403), 8) == {"http": 1}
