"""TLS: the SDKs without any development option, and the requests of KEDA's scaler."""

from __future__ import annotations

import hmac
import re
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote_plus, urlencode
from xml.etree import ElementTree as ET

import pytest
import requests
from azure.servicebus import ServiceBusMessage, TransportType
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.management import ServiceBusAdministrationClient

from local.emulators import health_check
from local.emulators.managed_server import PROJECT
from local.emulators.service_bus_emulator import SASL_HEADER
from local.emulators.servicebus.__main__ import main
from tests import servers
from tests.local.emulators.certificate import write_certificate
from tests.local.emulators.servicebus_process import document
from tests.waiting import eventually

# The SDK tests elements of XML for truth.
pytestmark = pytest.mark.filterwarnings("ignore:Testing an element:DeprecationWarning")

KEY = "SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE"
TOPIC = {"Name": "events", "Subscriptions": [{"Name": "all"}, {"Name": "two"}]}


@dataclass(frozen=True)
class Emulator:
    port: int
    certificate: Path

    @property
    def connection_string(self) -> str:
        return f"Endpoint=sb://localhost:{self.port};{KEY}"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    folder = tmp_path_factory.mktemp("tls")
    config, certificate = folder / "Config.json", folder / "bus.pem"
    config.write_text(document({"orders": {}, "other": {}}, [TOPIC]))
    write_certificate(certificate)
    plain, port = servers.free_port(), servers.free_port()
    command = [
        *(sys.executable, "-m", "cli", "emulators", "servicebus", "--config", str(config)),
        *("--data", str(folder), "--port", str(plain)),
        *("--certificate", str(certificate), "--tls-port", str(port)),
    ]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL) as process:
        eventually(lambda: health_check.answers(plain, SASL_HEADER, expected=SASL_HEADER), 30)
        yield Emulator(port, certificate)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


@pytest.mark.parametrize("transport", [TransportType.Amqp, TransportType.AmqpOverWebsocket])
async def test_messages_over_tls(emulator: Emulator, transport: TransportType) -> None:
    async with ServiceBusClient.from_connection_string(
        emulator.connection_string,
        transport_type=transport,
        connection_verify=str(emulator.certificate),
        custom_endpoint_address=f"sb://localhost:{emulator.port}",
        retry_total=0,
    ) as client:
        async with client.get_queue_sender("other") as sender:
            await sender.send_messages(ServiceBusMessage("1"))
        async with client.get_queue_receiver("other") as receiver:
            (message,) = await receiver.receive_messages(1, max_wait_time=10)
            assert str(message) == "1"
            await receiver.complete_message(message)


def test_the_administration_client_needs_no_other_transport(emulator: Emulator) -> None:
    with ServiceBusAdministrationClient.from_connection_string(
        emulator.connection_string, connection_verify=str(emulator.certificate)
    ) as admin:
        assert [queue.name for queue in admin.list_queues()] == ["orders", "other"]


def get_as_keda(emulator: Emulator, path: str, **query: int) -> ET.Element:
    """A request of the Go SDK that KEDA's scaler `azure-servicebus` uses.

    Its token is for the whole address with the query, quoted and in lower case.
    """
    parameters = urlencode({f"${name}": value for name, value in query.items()})
    url = f"https://localhost:{emulator.port}{path}?{parameters}&api-version=2021-05"
    audience, expiry = quote_plus(url).lower(), int(time.time()) + 7200
    digest = hmac.digest(b"SAS_KEY_VALUE", f"{audience}\n{expiry}".encode(), sha256)
    signature = quote_plus(b64encode(digest).decode())
    token = (
        f"SharedAccessSignature sr={audience}&sig={signature}&se={expiry}"
        "&skn=RootManageSharedAccessKey"
    )
    headers = {"Authorization": token, "User-Agent": "azsdk-go-azservicebus/v1.10.0"}
    answer = requests.get(url, headers=headers, verify=str(emulator.certificate), timeout=10)
    assert answer.status_code == 200, answer.text
    return ET.fromstring(answer.content)


def active_count(entry: ET.Element, kind: str) -> int:
    return int(
        entry.findtext(f"{{*}}content/{{*}}{kind}/{{*}}CountDetails/{{*}}ActiveMessageCount") or -1
    )


async def test_keda_counts_the_active_messages(emulator: Emulator) -> None:
    async with ServiceBusClient.from_connection_string(
        emulator.connection_string,
        connection_verify=str(emulator.certificate),
        custom_endpoint_address=f"sb://localhost:{emulator.port}",
    ) as client:
        async with client.get_queue_sender("orders") as sender:
            await sender.send_messages([ServiceBusMessage("1"), ServiceBusMessage("2")])
        async with client.get_topic_sender("events") as topic:
            await topic.send_messages(ServiceBusMessage("3"))
    assert active_count(get_as_keda(emulator, "/orders"), "QueueDescription") == 2
    subscription = get_as_keda(emulator, "/events/Subscriptions/all")
    assert active_count(subscription, "SubscriptionDescription") == 1


def test_keda_asks_for_pages_until_one_is_empty(emulator: Emulator) -> None:
    names: list[str | None] = []
    while entries := get_as_keda(emulator, "/$Resources/Queues", skip=len(names), top=1).findall(
        "{*}entry"
    ):
        names += [entry.findtext("{*}title") for entry in entries]
    assert names == ["orders", "other"]
    feed = get_as_keda(emulator, "/events/Subscriptions")
    assert [each.text for each in feed.iterfind("{*}entry/{*}title")] == ["all", "two"]


def test_keda_takes_this_answer_for_an_unknown_queue(emulator: Emulator) -> None:
    feed = get_as_keda(emulator, "/nothing")
    assert feed.tag.endswith("}feed")
    assert feed.findtext("{*}title") == "Publicly Listed Services"


def test_a_file_without_a_key_is_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, file = tmp_path / "Config.json", tmp_path / "bus.pem"
    config.write_text(document({"q": {}}))
    file.write_text("nothing")
    words = ["--config", str(config), "--db", str(tmp_path / "db"), "--certificate", str(file)]
    assert main(words) == 2
    assert re.search(
        r"bus\.pem: expected a PEM file with a certificate and its private key",
        capsys.readouterr().err,
    )
