"""What was acknowledged survives `kill -9`; what was settled stays settled."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
from threading import Event, Thread

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.exceptions import ServiceBusError

from local.emulators.managed_server import PROJECT
from tests import servers
from tests.local.emulators.servicebus_process import document, running

QUEUES: dict[str, dict[str, object]] = {"kept": {}, "torn": {}}


#: The SDK forgets to close a socket whose peer was killed.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture
def emulator(tmp_path):
    with running(tmp_path, QUEUES) as emulator:
        yield emulator
    # What the SDK left open is found here, where the mark above holds, and not in another test.
    gc.collect()


def _kept(client, queue):
    """The bodies of all messages in the queue."""
    with client.get_queue_receiver(queue) as receiver:
        bodies = []
        while messages := receiver.peek_messages(500):
            bodies += map(str, messages)
        return bodies


def test_a_settled_message_stays_gone_and_the_others_stay(emulator):
    with emulator.client() as client:
        with client.get_queue_sender("kept") as sender:
            sender.send_messages([ServiceBusMessage(str(number)) for number in range(3)])
        with client.get_queue_receiver("kept") as receiver:
            (first,) = receiver.receive_messages(1, max_wait_time=10)
            receiver.complete_message(first)
            emulator.kill()
    emulator.start()
    with emulator.client() as client:
        assert _kept(client, "kept") == ["1", "2"]


def test_a_kill_in_the_middle_of_sending_loses_no_acknowledged_message(emulator):
    acknowledged, enough = [], Event()

    def send():
        number = 0
        with emulator.client() as client, client.get_queue_sender("torn") as sender:
            while True:
                try:
                    sender.send_messages(ServiceBusMessage(str(number)), timeout=2)
                except (ServiceBusError, ValueError):
                    return
                acknowledged.append(str(number))
                number += 1
                if number == 100:
                    enough.set()

    sending = Thread(target=send)
    sending.start()
    assert enough.wait(30)
    emulator.kill()
    sending.join(60)
    assert not sending.is_alive()
    emulator.start()
    with emulator.client() as client:
        assert set(acknowledged) <= set(_kept(client, "torn"))


def test_an_sdk_client_continues_after_a_restart(emulator):
    with emulator.client() as client, client.get_queue_sender("kept") as sender:
        sender.send_messages(ServiceBusMessage("before"))
        emulator.kill()
        emulator.start()
        sender.send_messages(ServiceBusMessage("after"))
        assert _kept(client, "kept") == ["before", "after"]


def test_sigterm_ends_it_cleanly(emulator):
    with emulator.client() as client, client.get_queue_sender("kept") as sender:
        sender.send_messages(ServiceBusMessage("x"))
        process = emulator.process
        process.signal(signal.SIGTERM)
        assert process.wait() == 0


def _run(tmp_path, config, port):
    path = tmp_path / "Config.json"
    path.write_text(config)
    command = [sys.executable, "-m", "local.emulators.servicebus", "--config", path]
    return subprocess.run(
        [*command, "--db", tmp_path / "x.db", "--port", str(port)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_taken_port_is_refused_with_one_sentence(emulator, tmp_path):
    ended = _run(tmp_path, document({"q": {}}), emulator.port)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert f"Port {emulator.port}" in ended.stderr


def test_a_bad_config_is_refused_with_one_sentence(tmp_path):
    ended = _run(tmp_path, document({"q": {"LockDuration": "soon"}}), servers.free_port())
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "LockDuration of queue 'q'" in ended.stderr
