"""Who takes part: pinned, on the same libraries, right before they are fast, gone when done."""

import json
import re
import sys
from pathlib import Path

import pytest

from bench import batch_files, models, plans, workloads
from bench.bodies import data_at
from bench.comparison import in_turn
from bench.environments import Environment, find_python
from bench.errors import BenchError
from bench.places import ROOT
from bench.servers import checks
from bench.servers.field import ENVIRONMENTS, FIELD, label
from bench.servers.server import Running, Server


def pins(file: Path) -> dict[str, str]:
    lines = [line for line in file.read_text().splitlines() if line and line[0] not in "#-"]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines), file
    return dict(line.split("==") for line in lines)


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda each: each.name)
def test_every_peer_is_pinned_and_predicts_with_the_apps_own_libraries(environment):
    ours, theirs = pins(ROOT / "requirements.txt"), pins(environment.requirements)
    for name in {"scikit-learn", "numpy", "joblib", "redis", "hiredis", "orjson"} & set(theirs):
        assert theirs[name] == ours[name], name


def test_every_server_of_a_plan_is_in_the_field():
    for workload in (*workloads.full(), *workloads.quick()):
        for server in workload.servers:
            assert label(server).startswith(FIELD[server.partition("@")[0]].label)


def test_nobody_is_always_measured_after_the_same_one():
    servers = "abcdefg"
    rounds = [in_turn(servers, number) for number in range(7)]
    assert all(sorted(each) == list(servers) for each in rounds)
    assert len({each[0] for each in rounds}) == len(servers)
    before = {(each[each.index("d") - 1]) for each in rounds if each[0] != "d"}
    assert before == {"c", "e"}


def test_the_quick_plan_asks_nothing_that_the_full_one_does_not():
    full = {each.id: set(each.servers) for each in workloads.full()}
    for each in workloads.quick():
        assert set(each.servers) <= full[each.id]


def test_a_part_can_be_chosen_by_workload_and_by_server():
    found = workloads.matching(workloads.full(), "unique/forest")
    assert {each.id for each in found} == {f"unique/forest/{n}" for n in (1, 16, 64)}
    (empty,) = workloads.matching(workloads.full(), "granian")
    assert empty.servers == ("granian@1",)
    assert workloads.matching(workloads.full(), "nobody") == []


def test_an_environment_is_made_again_when_its_requirements_change(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.environments.BENCH", tmp_path)
    monkeypatch.setattr("bench.environments.PEERS", tmp_path / "made")
    environment = Environment("one", pythons=(f"{sys.version_info[0]}.{sys.version_info[1]}",))
    environment.requirements.parent.mkdir(parents=True)
    environment.requirements.write_text("# nothing\n")
    environment.bring()
    assert environment.is_there
    kept = environment.folder / "kept"
    kept.touch()
    environment.bring()
    assert kept.exists()
    environment.requirements.write_text("# still nothing, said otherwise\n")
    assert not environment.is_there


def test_a_python_that_is_not_there_is_named():
    assert find_python(("3.0",)) is None
    with pytest.raises(BenchError, match=r"none of Python 3\.0 was found"):
        Environment("mlserver", pythons=("3.0",))._make()


@pytest.fixture
def estimator():
    """One that sees a three in everything."""

    class Threes:
        def predict(self, rows):
            return models.np.full(len(rows), 3)

    return Threes()


def server(port: int, *, uncached: bool = False) -> Server:
    return Server(
        name="peer", command=(), port=port, ready="/", dialect=data_at("/"), uncached=uncached
    )


def test_a_server_that_says_something_else_than_the_model_is_refused(listen, estimator):
    peer = listen(json.dumps([4]).encode())
    with pytest.raises(BenchError, match=r"wrong answer: \[4\], the model says \[3\]"):
        checks.require_right(server(peer.server_port), estimator)


def test_a_server_that_answers_a_hundred_rows_with_one_prediction_is_refused(listen, estimator):
    peer = listen(json.dumps([3]).encode())
    with pytest.raises(BenchError, match="wrong answer"):
        checks.require_right(server(peer.server_port), estimator)
    assert len(peer.bodies) == 2 * checks.CHECKED_ROWS + 1


def test_an_error_or_no_json_is_not_an_answer(listen, estimator):
    for peer in (listen(b"[3]", status=500), listen(b"three"), listen(b'{"error": "no"}')):
        with pytest.raises(BenchError):
            checks.require_right(server(peer.server_port), estimator)


def test_an_answer_from_a_cache_that_is_meant_to_be_off_is_refused(listen, estimator):
    peer = listen(b"[3]", x_cache="hit")
    with pytest.raises(BenchError, match="meant to be off"):
        checks.require_right(server(peer.server_port, uncached=True), estimator)


def test_nothing_of_a_server_is_left_behind(free_port, eventually, tmp_path):
    port, note = free_port(), tmp_path / "pid"
    code = (
        "import http.server, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(note)!r}, 'w').write(str(child.pid))\n"
        f"http.server.test(http.server.SimpleHTTPRequestHandler, port={port}, bind='127.0.0.1')\n"
    )
    command = (sys.executable, "-c", code)
    with Running(
        Server(name="forking", command=command, port=port, ready="/", dialect=None, cwd=tmp_path)
    ) as running:
        running.wait_ready()
        worker = Path(f"/proc/{note.read_text()}")
        assert worker.exists()
    eventually(lambda: not worker.exists() or "Z" in (worker / "stat").read_text().split()[2])


def test_a_server_that_ends_at_once_is_told_with_its_last_words(free_port):
    command = (sys.executable, "-c", "raise SystemExit('no such model')")
    with (
        Running(
            Server(name="ending", command=command, port=free_port(), ready="/", dialect=None)
        ) as running,
        pytest.raises(BenchError, match="no such model"),
    ):
        running.wait_ready()


def test_other_measurements_are_chosen_by_their_names():
    def chosen(name: str) -> list[str]:
        return [each.id for each in plans.only(name).batch]

    assert chosen("batch") == [each.id for each in batch_files.FILES]
    assert chosen("batch/csv") == ["batch/csv/10mb", "batch/csv/100mb"]
    assert chosen("batch/csv/1gb") == ["batch/csv/1gb"]
    assert plans.only("blobs").blobs
    assert plans.only("parse").parse
    with pytest.raises(BenchError, match=r"names nothing to measure: .* blobs, parse, broker"):
        plans.only("batc")
    assert plans.full().is_full
    assert not plans.only("batch").is_full
