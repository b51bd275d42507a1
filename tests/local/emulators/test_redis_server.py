from __future__ import annotations

import socket
import threading

import pytest
from redis import Redis

from local.emulators.errors import EmulatorError
from local.emulators.redis_server import RedisServer


@pytest.fixture
def client(redis_server):
    with Redis.from_url(redis_server.url) as client:
        yield client


def test_what_was_stored_survives_a_kill(redis_server, client):
    for number in range(100):
        client.set(f"key{number}", number)
    redis_server.kill()
    redis_server.start()
    assert client.dbsize() == 100


def test_it_listens_on_the_loopback_interface_only(redis_server, client):
    assert client.config_get("bind") == {"bind": "127.0.0.1"}


def test_it_is_healthy_while_it_answers(redis_server):
    server = redis_server.server
    assert server.is_healthy()
    redis_server.kill()
    assert not server.is_healthy()
    redis_server.start()
    assert server.is_healthy()


def test_a_server_that_is_no_redis_is_not_healthy(free_port, tmp_path):
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as listener:

        def answer():
            connection, _ = listener.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        assert not RedisServer(tmp_path, port).is_healthy()
        thread.join()


def test_without_its_program_it_says_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmulatorError, match="apt-get install redis-server"):
        RedisServer(tmp_path, 6379).command()
