from __future__ import annotations

import signal
import socket
import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from local.emulators import azurite as module
from local.emulators import node as node_program
from local.emulators.azurite import Azurite
from local.emulators.errors import EmulatorError
from local.emulators.managed_server import PROJECT
from local.emulators.ports import HOST


def test_its_connection_string_serves_blobs_and_queues(azurite):
    with BlobServiceClient.from_connection_string(azurite.connection_string) as blobs:
        container = blobs.create_container("letters")
        container.upload_blob("a.txt", b"alpha")
        assert container.download_blob("a.txt").readall() == b"alpha"
    with QueueServiceClient.from_connection_string(azurite.connection_string) as queues:
        queue = queues.create_queue("letters")
        queue.send_message("alpha")
        assert queue.receive_message().content == "alpha"


def test_it_is_healthy_once_all_three_services_answer(azurite):
    server = azurite.server
    assert server.is_healthy()
    azurite.kill()
    assert not server.is_healthy()
    azurite.start()
    assert server.is_healthy()


def test_another_http_server_in_its_place_is_not_healthy(tmp_path, free_port):
    port = free_port()
    with ThreadingHTTPServer(("127.0.0.1", port), BaseHTTPRequestHandler) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        assert not Azurite(tmp_path, port, port, port).is_healthy()
        other.shutdown()
        thread.join()


def test_without_node_it_says_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setattr(node_program, "find_node", lambda: None)
    with pytest.raises(EmulatorError, match=r"Node.js is not installed.*`make run` installs it"):
        Azurite(tmp_path, 1, 2, 3).command()


def test_without_azurite_it_says_how_to_install_it(monkeypatch, tmp_path):
    node = tmp_path / "node"
    node.write_text("#!/bin/sh\n")
    node.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(module, "FOLDER", module.FOLDER.with_name("no-azurite"))
    with pytest.raises(EmulatorError, match="npm install --prefix") as caught:
        Azurite(tmp_path, 1, 2, 3).command()
    # A folder to be typed from where the person stands, not this machine's.
    assert str(PROJECT) not in str(caught.value)


@pytest.mark.parametrize("damaged", [b'{"filename": "__azur', b"\0" * 100, b"\xff{}"])
def test_a_damaged_index_is_named_with_what_to_do(tmp_path, damaged):
    server = Azurite(tmp_path, 1, 2, 3)
    server.command()
    (tmp_path / "__azurite_db_queue__.json").write_bytes(damaged)
    with pytest.raises(
        EmulatorError, match=rf"__azurite_db_queue__\.json is damaged .*rm -r {tmp_path}"
    ):
        server.command()


def test_open_connections_do_not_keep_it_from_ending_with_its_data(azurite):
    heads = [
        b"",
        b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\n",
    ]
    with (
        BlobServiceClient.from_connection_string(azurite.connection_string) as blobs,
        ExitStack() as opened,
    ):
        blobs.create_container("kept").upload_blob("a.txt", b"alpha")
        for port in azurite.server.ports:
            for head in heads:
                client = opened.enter_context(socket.create_connection((HOST, port)))
                client.sendall(head)
        azurite.process.signal(signal.SIGTERM)
        assert azurite.process.wait(2) == 0
        azurite.kill()
        azurite.start()
        assert blobs.get_blob_client("kept", "a.txt").download_blob().readall() == b"alpha"
