"""A supervisor restarts a server that ends, and gives up on one that keeps ending."""

from __future__ import annotations

import os
import signal

import pytest
from redis import Redis

from local.emulators.errors import EmulatorError
from local.emulators.ports import is_free
from local.emulators.redis_server import RedisServer
from local.emulators.supervisor import Supervisor


@pytest.fixture
def server(tmp_path, free_port, redis_program):
    return RedisServer(tmp_path / "data", free_port())


@pytest.fixture
def supervise(server, tmp_path):
    """`supervise(…)`: a supervisor of a Redis that serves; stopped when the test ends."""
    started = []

    def start(**options) -> Supervisor:
        supervisor = Supervisor(server, log_file=tmp_path / "logs" / "redis.log", **options)
        started.append(supervisor)
        supervisor.launch()
        supervisor.wait_ready()
        return supervisor

    yield start
    for supervisor in started:
        supervisor.stop()


def kill(supervisor: Supervisor) -> None:
    assert supervisor.pid is not None
    os.kill(supervisor.pid, signal.SIGKILL)


def test_a_supervised_server_serves_until_it_is_stopped(supervise, server):
    supervisor = supervise()
    assert server.is_healthy()
    assert repr(supervisor) == f"<Supervisor redis ok pid {supervisor.pid}>"
    supervisor.stop()
    assert supervisor.state == "stopped"
    assert supervisor.pid is None
    assert is_free(server.port)


def test_a_server_that_ends_is_restarted_with_its_data_and_one_log_line(
    supervise, server, caplog, eventually
):
    changes = []
    supervisor = supervise(on_change=lambda: changes.append("change"))
    with Redis.from_url(server.url) as client:
        client.set("key", "value")
    first = supervisor.pid
    kill(supervisor)
    eventually(lambda: supervisor.state == "ok" and supervisor.pid != first)
    with Redis.from_url(server.url) as client:
        assert client.get("key") == b"value"
    # To ok, to restarting, to ok again.
    assert len(changes) == 3
    assert [record.getMessage() for record in caplog.records] == [
        "redis ended with exit code -9: restarting it in 0.2 s"
    ]


def test_a_server_that_keeps_ending_is_given_up_with_one_log_line(
    supervise, server, caplog, eventually
):
    supervisor = supervise(pauses_s=(0.01, 0.02, 0.03))
    # From here on every start fails: Redis refuses to run on a file it cannot read.
    manifest = server.data / "appendonlydir" / "appendonly.aof.manifest"
    manifest.write_text("no manifest\n")
    kill(supervisor)
    eventually(lambda: supervisor.state == "failed")
    assert caplog.records[-1].levelname == "ERROR"
    assert (
        "redis keeps ending (exit code 1) and is not restarted" in caplog.records[-1].getMessage()
    )
    starts = [record for record in caplog.records if "restarting it" in record.getMessage()]
    assert len(starts) == 3
    supervisor.stop()
    assert supervisor.state == "failed"


def test_stopping_between_two_restarts_starts_nothing(supervise, server, eventually):
    supervisor = supervise(pauses_s=(60,))
    kill(supervisor)
    eventually(lambda: supervisor.state == "restarting")
    supervisor.stop()
    assert supervisor.state == "stopped"
    assert is_free(server.port)


def test_a_stopped_server_can_be_launched_again(supervise, server):
    supervisor = supervise()
    supervisor.stop()
    supervisor.launch()
    supervisor.wait_ready()
    assert supervisor.state == "ok"
    assert server.is_healthy()


def test_a_server_that_ends_during_its_start_is_an_error_with_its_last_line(server, tmp_path):
    server.data.mkdir()
    (server.data / "appendonlydir").write_text("a file where a folder belongs")
    supervisor = Supervisor(server, log_file=tmp_path / "redis.log")
    supervisor.launch()
    with pytest.raises(
        EmulatorError, match=r"ended with exit code 1 during its start: .*append-only"
    ):
        supervisor.wait_ready()
    supervisor.stop()


def test_a_stop_without_a_start_does_nothing(server, tmp_path):
    Supervisor(server, log_file=tmp_path / "redis.log").stop()
