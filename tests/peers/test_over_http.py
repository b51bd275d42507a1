"""The table of scripts and requests over HTTP: Azure ML's own server beside ours, as processes.

Theirs runs every script; ours, for which the table is also held in process, those asked most.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.inference.scripts.contract_case import FAILED, Case
from tests.inference.scripts.contract_cases import CASES
from tests.inference.scripts.contract_scripts import write
from tests.peers import azureml_server
from tests.peers.azureml_server import AzureMLServer
from tests.peers.exchange import Reply, ask, look
from tests.servers import READY_S, HostProcess
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
#: Servers that run at once: each is busy only while it starts.
AT_ONCE = 3
#: For the one script that hangs; longer than any other case takes on a busy machine.
TIMEOUT_S = 4.0

#: Every script, in the table's order, and how many cases it has.
ASKED = Counter(case.script for case in CASES)
#: Starting a host takes a second of one core; most cases take a millisecond.
MOST_ASKED = [name for name, count in ASKED.items() if count >= 3] + ["init_raises"]


@dataclass(frozen=True)
class Run:
    """A server's replies to every case of a script, and to a look at its health afterwards."""

    answers: dict[Case, Reply]
    #: None for a server that did not start.
    health: Reply | None


def ours(folder: Path) -> Run:
    settings = {
        "AZUREML_MODEL_DIR": str(folder),
        "SCORING_TIMEOUT_S": str(TIMEOUT_S),
        "TRIGGERS": "http",
    }
    with HostProcess(ROOT, settings, (), folder / "host.log") as host:
        host.wait_ready()
        health = f"{host.url}/api/health/ready"
        eventually(lambda: look(health).content["status"] != "loading", READY_S)
        return Run(answers(f"{host.url}/api/score", folder.name), look(health))


def azure_mls(folder: Path) -> Run:
    with AzureMLServer(folder / "score.py", timeout_s=TIMEOUT_S) as server:
        if not server.starts():
            return Run({}, None)
        return Run(answers(f"{server.url}/score", folder.name), look(server.url))


def answers(url: str, script: str) -> dict[Case, Reply]:
    return {case: ask(url, case) for case in CASES if case.script == script}


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield pool
        pool.shutdown(cancel_futures=True)


class Runs:
    """Runs the cases of each script, a few scripts ahead of the one that is waited for."""

    def __init__(
        self, pool: ThreadPoolExecutor, serve: Callable[[Path], Run], scripts: list[str], home: Path
    ) -> None:
        self._pool, self._serve, self._scripts, self._home = pool, serve, scripts, home
        self._begun: dict[str, Future[Run]] = {}

    def of(self, script: str) -> Run:
        first = self._scripts.index(script)
        for name in self._scripts[first : first + AT_ONCE]:
            if name not in self._begun:
                folder = write(name, self._home / name)
                self._begun[name] = self._pool.submit(self._serve, folder)
        return self._begun[script].result()


@pytest.fixture(scope="module")
def our_runs(pool, tmp_path_factory) -> Runs:
    return Runs(pool, ours, MOST_ASKED, tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def their_runs(pool, tmp_path_factory) -> Runs:
    azureml_server.require()
    return Runs(pool, azure_mls, list(ASKED), tmp_path_factory.mktemp("azureml"))


@pytest.mark.parametrize("case", [case for case in CASES if case.script in MOST_ASKED], ids=str)
def test_ours_answers_as_the_table_says(our_runs, case):
    reply = our_runs.of(case.script).answers[case]
    assert (reply.status, case.compared_part(reply.content)) == (case.status, case.content)
    assert (reply.type, reply.own) == (case.answer_type, case.own_answer)
    assert (reply.headers["x-ms-run-function-failed"] == "true") == case.run_failed
    assert_common(reply, case)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_azure_mls_answers_as_the_table_says_of_it(their_runs, case):
    run = their_runs.of(case.script)
    if case.peer == FAILED:
        assert run.health is None
        return
    reply = run.answers[case]
    if case.peer is not None:
        status, text = case.peer
        assert (reply.status, text in reply.body.decode()) == (status, True), reply.body
    elif case.refused:
        assert (reply.status, list(reply.content)) == (case.status, ["message"])
    else:
        assert (reply.status, reply.content) == (case.status, case.content)
        assert (reply.type, reply.own) == (case.answer_type, case.own_answer)
        assert_common(reply, case)


def assert_common(reply: Reply, case: Case) -> None:
    """The headers that both servers set for every script."""
    if not case.refused:
        assert float(reply.headers["x-ms-run-fn-exec-ms"]) >= 0
        given = reply.headers["x-request-id"]
        assert given == case.request_id if case.request_id else given


@pytest.mark.parametrize("script", ["raw", "raw_answer"])
def test_a_script_that_finds_the_real_package_is_answered_alike(script, tmp_path):
    azureml_server.require()
    score = write(script, tmp_path / script) / "score.py"
    score.write_text(
        f"import sys\nsys.path.append({str(azureml_server.PACKAGES)!r})\n{score.read_text()}\n"
        "assert AMLRequest.__module__ == 'azureml_inference_server_http.api.aml_request'\n"
    )
    for case, reply in ours(score.parent).answers.items():
        assert (reply.status, case.compared_part(reply.content)) == (case.status, case.content)
        assert (reply.type, reply.own) == (case.answer_type, case.own_answer)


@pytest.mark.parametrize("script", MOST_ASKED)
def test_our_health_says_afterwards_whether_the_script_started_and_why_not(our_runs, script):
    health = our_runs.of(script).health
    model = health.content["dependencies"]["model"]
    (case, *_) = (case for case in CASES if case.script == script)
    if case.starts:
        assert (health.status, model["status"]) == (200, "ok")
    else:
        assert (health.status, model["status"]) == (503, "failed")
        assert case.content in model["message"]


def test_the_request_after_one_that_hangs_is_among_those_that_are_answered():
    bodies = [case.body for case in CASES if case.script == "exec"]
    assert bodies.index(b"hang.wait()") < bodies.index(b"print('said')")


def test_at_least_60_cases_are_held_over_http_and_half_of_them_beside_the_peer():
    over_http = [case for case in CASES if case.script in MOST_ASKED]
    assert len(over_http) >= 60
    assert sum(case.peer is None for case in over_http) >= 30
