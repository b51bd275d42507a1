"""One scrape tells of all workers of its instance, and no counter goes back."""

import contextlib
import itertools
import os
import signal
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from cli.running_app import figures
from tests.running_app import ROOT
from tests.servers import HostProcess
from tests.waiting import eventually

WORKERS = 3
ROW = b'{"data": [[' + b",".join(b"%d" % (at % 16) for at in range(64)) + b"]]}"


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    folder = tmp_path_factory.mktemp("host")
    env = {"TRIGGERS": "http", "HTTP_AUTH_LEVEL": "anonymous", "CONSOLE": "false"}
    with HostProcess(ROOT, env, ("--workers", str(WORKERS)), folder / "host.log") as started:
        started.wait_ready()
        eventually(lambda: value(scrape(started), "triscore_workers") == WORKERS, 30)
        eventually(lambda: value(scrape(started), "triscore_model_ready") == 1, 30)
        yield started


def scrape(host):
    # Each connection may reach another worker.
    with urllib.request.urlopen(f"{host.url}/api/metrics", timeout=10) as response:
        return figures.read_samples(response.read().decode())


def value(samples, name, **labels):
    return figures.total(samples, name, **labels)


def score(host):
    """Whether it was answered."""
    try:
        with urllib.request.urlopen(f"{host.url}/api/score", ROW, timeout=10) as response:
            return response.status == 200
    except OSError:  # the worker was killed
        return False


def counters(samples):
    ends = ("_total", "_count", "_sum", "_bucket")
    return {
        (each.name, *sorted(each.labels.items())): each.value
        for each in samples
        if each.name.endswith(ends) and each.name.startswith("triscore")
    }


def pids(samples):
    return {
        int(each.labels["pid"]) for each in samples if each.name == "process_start_time_seconds"
    }


def test_sums_equal_what_was_sent_though_a_worker_is_killed_and_no_counter_goes_back(host):
    before = scrape(host)
    seen = [counters(before)]
    is_over = threading.Event()

    def watch():
        while not is_over.is_set():
            with contextlib.suppress(OSError):  # it reached the worker that is killed
                seen.append(counters(scrape(host)))
            time.sleep(0.01)

    sent = answered = 0

    def went(requests):
        nonlocal sent, answered
        with ThreadPoolExecutor(8) as pool:
            done = sum(pool.map(lambda _: score(host), range(requests)))
        sent, answered = sent + requests, answered + done
        return done

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        assert went(150) == 150
        victim = min(pids(before))
        os.kill(victim, signal.SIGKILL)
        went(150)
        eventually(lambda: has_other_workers(host, {victim}), 30)
    finally:
        is_over.set()
        watching.join()
    assert went(50) == 50
    after = scrape(host)
    for one, next_one in itertools.pairwise(seen):
        backwards = {key: (old, next_one[key]) for key, old in one.items() if next_one[key] < old}
        assert not backwards
    # Of requests that the killed worker had not answered, it may have counted some.
    name = "triscore_requests_total"
    assert answered <= value(after, name) - value(before, name) <= sent
    assert value(after, "triscore_worker_exits_total") == 1
    assert value(after, "triscore_workers") == WORKERS
    assert victim not in pids(after)


def test_requests_are_counted_exactly_by_whatever_worker_answers_the_scrape(host):
    name = "triscore_requests_total"
    before = value(scrape(host), name)
    sent = 90
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda _: score(host), range(sent)))
    for _ in range(6):
        samples = scrape(host)
        assert value(samples, name, trigger="http", route="score", status="200") - before == sent
        counted = value(samples, "triscore_request_duration_seconds_count", trigger="http")
        assert counted == value(samples, name, trigger="http")


def test_a_worker_that_is_killed_takes_no_answered_request_with_it(host):
    name = "triscore_requests_total"
    before, victims = value(scrape(host), name), pids(scrape(host))
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda _: score(host), range(60)))
    for victim in victims:  # all of them
        os.kill(victim, signal.SIGKILL)
    eventually(lambda: has_other_workers(host, victims), 30)
    assert value(scrape(host), name) - before == 60


def has_other_workers(host, victims):
    try:
        found = pids(scrape(host))
        return len(found) == WORKERS and not victims & found
    except OSError:
        return False
