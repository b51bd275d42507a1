"""`triscore emulators up|down|status`, as a person types it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest

from local.emulators.managed_server import PROJECT
from local.emulators.ports import HOST, Ports, is_free
from local.emulators.state_folder import StateFolder

pytestmark = pytest.mark.usefixtures("redis_program")

FLAGS = ("redis", "azurite-blob", "azurite-queue", "azurite-table", "servicebus")


class Emulators:
    """The command, with ports and a folder of its own."""

    def __init__(self, state, ports):
        self.state, self.ports = state, ports
        self.folder = StateFolder(state)

    def command(self, *words):
        options = [
            word
            for flag, port in zip(FLAGS, self.ports, strict=True)
            for word in (f"--{flag}-port", str(port))
        ]
        if words == ("down",):
            options = []
        return [
            sys.executable,
            "-m",
            "cli",
            "emulators",
            *words,
            "--state",
            str(self.state),
            *options,
        ]

    def run(self, *words):
        return subprocess.run(
            self.command(*words),
            check=False,
            capture_output=True,
            text=True,
            cwd=PROJECT,
            timeout=60,
        )

    def start(self, *words):
        return subprocess.Popen(
            self.command(*words),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
        )

    def are_gone(self):
        return self.folder.running() is None and all(map(is_free, self.ports))


@pytest.fixture
def emulators(tmp_path, free_port):
    emulators = Emulators(tmp_path / "state", [free_port() for _ in FLAGS])
    yield emulators
    emulators.run("down")


def first_lines(process, count):
    return [process.stdout.readline().strip() for _ in range(count)]


def test_up_prints_the_connections_serves_until_ctrl_c_and_leaves_nothing(emulators):
    with emulators.start("up") as up:
        names = [line.partition("=")[0] for line in first_lines(up, 3)]
        assert names == ["REDIS_URL", "ScoringStorage", "ServiceBusConnection"]
        status = emulators.run("status")
        assert status.returncode == 0
        assert [line.split()[:2] for line in status.stdout.splitlines()] == [
            ["redis", "ok"],
            ["azurite", "ok"],
            ["servicebus", "ok"],
        ]
        up.send_signal(signal.SIGINT)
        assert up.wait(20) == 0
        assert up.stderr.read() == ""
    assert emulators.are_gone()


def test_up_in_the_background_stays_until_down(emulators):
    up = emulators.run("up", "--detach")
    assert (up.returncode, up.stderr) == (0, "")
    assert f"REDIS_URL=redis://{HOST}:{emulators.ports[0]}/0" in up.stdout.splitlines()
    assert emulators.run("status").returncode == 0
    down = emulators.run("down")
    assert (down.returncode, down.stdout) == (0, "stopped\n")
    assert emulators.are_gone()


def test_status_without_a_stack_prints_down_and_exits_1(emulators):
    status = emulators.run("status")
    assert status.returncode == 1
    assert [line.split()[1] for line in status.stdout.splitlines()] == ["down"] * 3
    assert not emulators.state.exists()


def test_status_shows_which_server_hangs(emulators):
    emulators.run("up", "--detach")
    pid = emulators.folder.running().children["redis"]
    os.kill(pid, signal.SIGSTOP)
    try:
        status = emulators.run("status")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert status.returncode == 1
    assert [line.split()[1] for line in status.stdout.splitlines()] == ["down", "ok", "ok"]


def test_down_without_up_is_no_error(emulators):
    down = emulators.run("down")
    assert down.returncode == 0
    assert "no emulators run" in down.stdout


@pytest.mark.long
def test_an_up_that_was_killed_leaves_no_server_and_the_next_up_starts(emulators, eventually):
    with emulators.start("up") as up:
        first_lines(up, 3)
        up.kill()
    again = emulators.run("up", "--detach")
    assert (again.returncode, again.stderr) == (0, "")
    emulators.run("down")
    assert emulators.are_gone()


def test_an_up_that_was_killed_frees_every_port(emulators, eventually):
    with emulators.start("up") as up:
        first_lines(up, 3)
        up.kill()
    eventually(emulators.are_gone)


@pytest.mark.parametrize("words", [("up",), ("up", "--detach")], ids=" ".join)
def test_a_taken_port_is_one_sentence_and_exit_code_2(emulators, words):
    with socket.create_server((HOST, emulators.ports[-1])):
        up = emulators.run(*words)
    assert up.returncode == 2
    assert up.stderr.startswith(f"port {emulators.ports[-1]}, which servicebus needs,")
    assert up.stderr.count("\n") == 1
    assert emulators.are_gone()


def test_a_second_up_is_one_sentence_and_leaves_the_first_alone(emulators):
    emulators.run("up", "--detach")
    second = emulators.run("up")
    assert second.returncode == 2
    assert "running already" in second.stderr
    assert emulators.run("status").returncode == 0


def five_free(free_port):
    """The number before five free ports in a row."""
    while True:
        first = free_port()
        if all(is_free(first + number) for number in range(1, 6)):
            return first


def moved(state, words, value):
    return subprocess.run(
        [sys.executable, "-m", "cli", "emulators", *words, "--state", str(state)],
        check=False,
        capture_output=True,
        text=True,
        cwd=PROJECT,
        env={**os.environ, "TRISCORE_PORTS": value},
        timeout=60,
    )


@pytest.mark.long
def test_triscore_ports_moves_the_emulators(tmp_path, free_port):
    first = five_free(free_port)
    state = tmp_path / "state"
    try:
        up = moved(state, ("up", "--detach"), str(first))
        assert (up.returncode, up.stderr) == (0, "")
        assert f"REDIS_URL=redis://{HOST}:{first + 1}/0" in up.stdout.splitlines()
        assert StateFolder(state).running().ports == Ports(*range(first + 1, first + 6))
        status = moved(state, ("status",), str(first))
        assert status.returncode == 0
        assert f"port {first + 5}" in status.stdout
    finally:
        assert moved(state, ("down",), str(first)).returncode == 0


def test_a_port_option_overrides_triscore_ports(tmp_path):
    state = tmp_path / "state"
    status = moved(state, ("status", "--redis-port", "2000"), "3000")
    assert [line.split()[3] for line in status.stdout.splitlines()] == ["2000", "3002", "3005"]


@pytest.mark.parametrize("value", ["x", "80", "65001", "²000"])
def test_invalid_ports_are_one_sentence_and_exit_code_2(tmp_path, value):
    up = moved(tmp_path / "state", ("up",), value)
    assert up.returncode == 2
    assert up.stderr == (f"TRISCORE_PORTS is {value!r}, expected a port from 1024 to 65000\n")


def test_the_ports_are_five_in_a_row_from_the_setting():
    assert Ports.from_env({}) == Ports()
    assert Ports.from_env({"TRISCORE_PORTS": "20000"}) == Ports(*range(20001, 20006))
