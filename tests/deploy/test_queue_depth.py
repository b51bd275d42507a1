"""The doctor's count of waiting messages."""

from __future__ import annotations

import socket
import threading

import pytest
from azure.core.exceptions import ServiceResponseError
from azure.servicebus import ServiceBusMessage

from deploy import connections
from deploy.doctor.queue_depth import describe_depth
from tests.local.emulators.servicebus_process import running
from triggers.bus_entity import BusEntity
from triggers.connections import emulator_transport


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    with running(tmp_path_factory.mktemp("depth"), {"q": {}}) as emulator:
        with emulator.client() as client, client.get_queue_sender("q") as sender:
            sender.send_messages([ServiceBusMessage("1"), ServiceBusMessage("2")])
        yield emulator


async def test_the_depth_of_a_queue_is_told(emulator):
    env = {"Bus": emulator.connection_string}
    depth = await describe_depth(env, "Bus", BusEntity("q"))
    assert depth == "2 messages wait, 0 are dead-lettered"


@pytest.mark.parametrize(("key", "queue"), [("SAS_KEY_VALUE", "other"), ("wrong", "q")])
async def test_without_an_answer_nothing_is_told(emulator, key, queue):
    env = {"Bus": emulator.connection_string.replace("SAS_KEY_VALUE", key)}
    assert await describe_depth(env, "Bus", BusEntity(queue)) == ""


async def test_an_emulator_may_have_its_administration_at_a_port_of_its_own(emulator, monkeypatch):
    with socket.create_server(("localhost", 0)) as speaks_no_http:

        def hang_up() -> None:
            connection, _ = speaks_no_http.accept()
            connection.close()

        threading.Thread(target=hang_up, daemon=True).start()
        ports = (speaks_no_http.getsockname()[1], emulator.port)
        monkeypatch.setattr(emulator_transport, "PORTS", ports)
        env = {"Bus": emulator.connection_string.replace(f":{emulator.port}", "")}
        assert "2 messages wait" in await describe_depth(env, "Bus", BusEntity("q"))


def test_no_thread_goes_on_waiting_for_a_namespace_that_is_silent(monkeypatch):
    seconds = dict.fromkeys(connections.ADMINISTRATION_S, 0.2)
    monkeypatch.setattr(connections, "ADMINISTRATION_S", seconds)
    with socket.create_server(("localhost", 0)) as silent:
        namespace = f"Endpoint=sb://localhost:{silent.getsockname()[1]};"
        keys = "SharedAccessKeyName=a;SharedAccessKey=b;UseDevelopmentEmulator=true;"
        env = {"Bus": namespace + keys}
        with (
            connections.service_bus_administration(env, "Bus") as client,
            pytest.raises(ServiceResponseError, match=r"timeout=0\.2"),
        ):
            client.get_queue_runtime_properties("q")
