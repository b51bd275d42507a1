"""Redis, Azurite and the Service Bus emulator: all of them or none."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
from dataclasses import astuple

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.storage.blob import BlobServiceClient
from redis import Redis

from local.emulators import EmulatorError, Ports, Stack
from local.emulators.ports import HOST, is_free
from local.emulators.state_folder import StateFolder

pytestmark = pytest.mark.usefixtures("redis_program")


@pytest.fixture
def ports(free_port):
    return Ports(*(free_port() for _ in range(5)))


@pytest.fixture
def stack(tmp_path, ports):
    stack = Stack(tmp_path / "state", ports)
    yield stack
    stack.stop()


def every_port_is_free(ports: Ports) -> bool:
    return all(map(is_free, astuple(ports)))


def test_a_started_stack_serves_at_its_connection_strings(stack):
    with stack:
        with Redis.from_url(stack.redis_url) as redis:
            assert redis.ping()
        with BlobServiceClient.from_connection_string(stack.storage_connection_string) as blobs:
            assert list(blobs.list_containers()) == []
        with (
            ServiceBusClient.from_connection_string(stack.servicebus_connection_string) as bus,
            bus.get_queue_sender("scoring-requests") as sender,
            bus.get_queue_receiver("scoring-requests") as receiver,
        ):
            sender.send_messages(ServiceBusMessage(b"hello"))
            (message,) = receiver.receive_messages(max_wait_time=10)
            assert b"".join(message.body) == b"hello"
            receiver.complete_message(message)


def test_a_stack_lists_its_servers_and_stops_them_all(stack, ports):
    stack.start()
    assert [(server.name, server.port, server.state) for server in stack.servers] == [
        ("redis", ports.redis, "ok"),
        ("azurite", ports.azurite_blob, "ok"),
        ("servicebus", ports.servicebus, "ok"),
    ]
    assert len({server.pid for server in stack.servers} - {None}) == 3
    stack.stop()
    assert [server.state for server in stack.servers] == ["stopped"] * 3
    assert every_port_is_free(ports)


@pytest.mark.long
def test_the_servers_data_survives_a_restart_of_the_stack(stack):
    with stack:
        with Redis.from_url(stack.redis_url) as redis:
            redis.set("key", "value")
        with BlobServiceClient.from_connection_string(stack.storage_connection_string) as blobs:
            blobs.create_container("letters").upload_blob("a.txt", b"alpha")
        with (
            ServiceBusClient.from_connection_string(stack.servicebus_connection_string) as bus,
            bus.get_queue_sender("scoring-requests") as sender,
        ):
            sender.send_messages(ServiceBusMessage(b"hello"))
    with stack:
        with Redis.from_url(stack.redis_url) as redis:
            assert redis.get("key") == b"value"
        with BlobServiceClient.from_connection_string(stack.storage_connection_string) as blobs:
            letter = blobs.get_container_client("letters").download_blob("a.txt")
            assert letter.readall() == b"alpha"
        with (
            ServiceBusClient.from_connection_string(stack.servicebus_connection_string) as bus,
            bus.get_queue_receiver("scoring-requests") as receiver,
        ):
            (message,) = receiver.receive_messages(max_wait_time=10)
            assert b"".join(message.body) == b"hello"


@pytest.mark.parametrize("victim", ["redis", "azurite", "servicebus"])
def test_a_killed_server_is_restarted(stack, victim, eventually, caplog):
    with stack:

        def pid():
            return next(server.pid for server in stack.servers if server.name == victim)

        before = pid()
        os.kill(before, signal.SIGKILL)
        eventually(lambda: pid() != before and {server.state for server in stack.servers} == {"ok"})
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1


@pytest.mark.parametrize(
    ("name", "wanted_by"),
    [("redis", "redis"), ("azurite_table", "azurite"), ("servicebus", "servicebus")],
)
def test_a_taken_port_is_refused_with_one_sentence_and_nothing_is_started(
    stack, ports, name, wanted_by, tmp_path
):
    port = getattr(ports, name)
    with socket.create_server((HOST, port)):
        with pytest.raises(EmulatorError, match=f"port {port}, which {wanted_by} needs, is taken"):
            stack.start()
        assert [server.pid for server in stack.servers] == [None] * 3
    assert not (tmp_path / "state" / "data").exists()
    assert StateFolder(tmp_path / "state").running() is None


def test_a_missing_program_is_named_and_nothing_is_started(stack, monkeypatch, tmp_path):
    node = shutil.which("node")
    assert node is not None
    (tmp_path / "node").symlink_to(node)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmulatorError, match="redis-server is not installed"):
        stack.start()
    assert [server.pid for server in stack.servers] == [None] * 3


def test_if_one_server_cannot_run_the_others_are_stopped(stack, ports, tmp_path):
    redis_data = tmp_path / "state" / "data" / "redis"
    redis_data.mkdir(parents=True)
    (redis_data / "appendonlydir").write_text("a file where a folder belongs")
    with pytest.raises(EmulatorError, match="redis ended with exit code 1"):
        stack.start()
    assert every_port_is_free(ports)
    (redis_data / "appendonlydir").unlink()
    stack.start()


def test_a_second_stack_in_the_same_folder_leaves_the_first_alone(stack, tmp_path, free_port):
    with stack:
        other = Stack(tmp_path / "state", Ports(*(free_port() for _ in range(5))))
        with pytest.raises(EmulatorError, match="running already"):
            other.start()
        other.stop()
        assert {server.state for server in stack.servers} == {"ok"}
        assert StateFolder(tmp_path / "state").running() is not None
