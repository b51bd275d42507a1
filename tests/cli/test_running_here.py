"""Commands find the app that `make run` serves in their folder, whatever ports it took."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.running_app import running_here
from cli.running_app.options import LOCAL
from deploy.connections import SERVICE_BUS_EMULATOR, STORAGE_EMULATOR
from local.demo.served_app import announced, find_address
from local.emulators.ports import Ports, is_free
from local.emulators.state_folder import Record, StateFolder
from tests.servers import free_port
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
CODE = ("cache", "cli", "deploy", "inference", "local", "triggers", "triscore_client")
FILES = ("function_app.py", "host.json", "local.settings.sample.json", "pyproject.toml", "models")
VARIABLES = ("TRISCORE_URL", "ScoringStorage", "ServiceBusConnection")
ELSEWHERE = "https://app.azurewebsites.net"


@dataclass(frozen=True)
class Clone:
    """A folder in which `make run` is up, on ports of its own."""

    folder: Path
    port: int
    env: dict[str, str]

    def run(self, *words: str, cwd: Path | None = None, **env: str):
        """`triscore WORDS`, without a variable that leads to the app."""
        return subprocess.run(
            [sys.executable, "-m", "cli", *words],
            cwd=cwd or self.folder,
            env=self.env | env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def told(self) -> str:
        return f"Using the app that runs in this folder, at http://127.0.0.1:{self.port}.\n"


def free_ports_after() -> int:
    """A port with five free ones behind it."""
    while not all(map(is_free, range((port := free_port()) + 1, port + 6))):
        pass
    return port


def copy_project(folder: Path) -> None:
    """The code as a folder of its own: what runs is written beside it."""
    for name in CODE:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        (folder / name).symlink_to(ROOT / name)
    (folder / ".triscore").mkdir()
    (folder / ".triscore/azurite").symlink_to(ROOT / ".triscore/azurite")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    folder = tmp_path_factory.mktemp("clone")
    copy_project(folder)
    env = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    env["PYTHONPATH"] = str(folder)
    port = free_port()
    log = folder / "up.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", "up", "--port", str(port)],
            cwd=folder,
            env=env | {"TRISCORE_PORTS": str(free_ports_after())},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        eventually(lambda: process.poll() is not None or "Stop" in log.read_text(), 90)
        assert process.poll() is None, log.read_text()
        yield Clone(folder, port, env)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(40)
    assert not (folder / ".triscore/app.json").exists()


@pytest.mark.long
@pytest.mark.usefixtures("redis_program")
class TestCommandsOfAFolder:
    @pytest.mark.parametrize("via", ["http", "blob", "queue"])
    def test_score_reaches_every_trigger(self, clone: Clone, tmp_path: Path, via: str) -> None:
        target = tmp_path / "out"
        words = ("models/digits/golden.csv", "--via", via, "--output", str(target))
        done = clone.run("score", *words)
        assert (done.returncode, done.stderr) == (0, clone.told)
        assert target.stat().st_size

    def test_enqueue_and_results_reach_the_queue(self, clone: Clone) -> None:
        done = clone.run("enqueue", "models/digits/golden.csv", "--wait", "--json")
        assert (done.returncode, done.stderr) == (0, clone.told)
        name = json.loads(done.stdout)["id"]
        again = clone.run("results", name, "--json")
        assert json.loads(again.stdout)["result"] == json.loads(done.stdout)["result"]

    @pytest.mark.parametrize(
        "words",
        [
            ("stats", "--json"),
            ("watch", "--count", "1", "--json"),
            ("load", "models/digits/golden.csv", "--seconds", "1", "--json"),
        ],
    )
    def test_what_is_measured_is_that_app(self, clone: Clone, words: tuple[str, ...]) -> None:
        done = clone.run(*words)
        assert (done.returncode, done.stderr) == (0, clone.told)
        document = json.loads(done.stdout)
        assert words[0] == "load" or document["queue"].startswith("queue scoring-requests: ")

    def test_requeue_looks_at_the_emulators_that_run(self, clone: Clone) -> None:
        done = clone.run("requeue")
        assert (done.returncode, done.stderr) == (0, "")

    def test_a_second_one_is_told_where_the_first_is(self, clone: Clone) -> None:
        done = clone.run("up")
        assert done.returncode == 2
        assert f"already, at http://127.0.0.1:{clone.port} (process" in done.stderr

    def test_they_find_it_from_any_folder(self, clone: Clone, tmp_path: Path) -> None:
        assert clone.run("stats", "--json", cwd=tmp_path).stderr == clone.told

    def test_what_is_given_wins(self, clone: Clone) -> None:
        url = f"http://localhost:{clone.port}"
        assert clone.run("stats", "--url", url, TRISCORE_URL="nowhere").stderr == ""
        assert clone.run("stats", TRISCORE_URL=url).stderr == ""
        done = clone.run("score", "models/digits/golden.csv", ScoringStorage="none")
        assert done.returncode == 2
        assert "ScoringStorage" in done.stderr


@pytest.fixture
def state(tmp_path, monkeypatch):
    """The folder of emulators that this process runs, on moved ports."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    folder = StateFolder(tmp_path)
    folder.acquire()
    folder.write(Record(os.getpid(), Ports(1, 2, 3, 4, 5), ready=True, children={}))
    monkeypatch.setattr("local.emulators.commands.STATE", tmp_path)
    yield tmp_path
    folder.release()


def test_an_address_is_found_while_it_is_served(state):
    assert find_address(state) is None
    with announced("http://127.0.0.1:8080", state):
        assert find_address(state) == "http://127.0.0.1:8080"
    assert find_address(state) is None


def test_an_address_that_a_killed_run_left_behind_is_not_used(tmp_path):
    with announced("http://127.0.0.1:8080", tmp_path):
        assert find_address(tmp_path) is None


def test_nor_is_it_where_emulators_were_started_since(state):
    with announced("http://127.0.0.1:8080", state):
        StateFolder(state).write(Record(os.getpid() + 1, Ports(), ready=True, children={}))
        assert find_address(state) is None


def test_the_usual_address_is_not_told(state, capsys):
    with announced(LOCAL, state):
        assert running_here.find_url(None) == LOCAL
    assert running_here.find_url(None) == LOCAL
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("state")
class TestConnections:
    def test_those_that_are_not_set_are_the_running_emulators(self):
        env = running_here.with_emulators({}, LOCAL)
        assert "BlobEndpoint=http://127.0.0.1:2/" in env["ScoringStorage"]
        assert env["ServiceBusConnection"].startswith("Endpoint=sb://localhost:5;")

    def test_those_of_the_sample_settings_are_too_as_for_make_run(self):
        sample = {
            "ScoringStorage": STORAGE_EMULATOR,
            "ServiceBusConnection": SERVICE_BUS_EMULATOR,
        }
        assert running_here.with_emulators(sample, LOCAL) == running_here.with_emulators({}, LOCAL)

    def test_those_that_are_set_stay(self, monkeypatch):
        monkeypatch.setenv("ScoringStorage", STORAGE_EMULATOR)
        given = {
            "ScoringStorage": STORAGE_EMULATOR,
            "ServiceBusConnection__fullyQualifiedNamespace": "mine",
        }
        assert running_here.with_emulators(given, LOCAL) == given

    def test_an_app_elsewhere_has_none_of_them(self):
        assert running_here.with_emulators({}, ELSEWHERE) == {}


@pytest.mark.parametrize(
    ("via", "setting"), [("blob", "ScoringStorage"), ("queue", "ServiceBusConnection")]
)
def test_nothing_is_sent_to_emulators_for_an_app_elsewhere(triscore, via, setting):
    done = triscore(
        "score", "README.md", "--content-type", "text/csv", "--via", via, "--url", ELSEWHERE
    )
    assert done.returncode == 2
    assert done.stderr == (
        f"{ELSEWHERE} is not on this machine: set {setting} to what that app uses, or take"
        " --via http\n"
    )


@pytest.mark.parametrize("url", ["ftp://x", "nowhere", "http://[::1"])
def test_an_address_that_is_none_is_named_before_its_connections(triscore, url):
    done = triscore("score", "README.md", "--content-type", "text/csv", "--url", url)
    assert done.returncode == 2
    assert done.stderr.startswith(f"url {url!r}: ")
