"""`triscore emulators servicebus` runs the emulator for any app."""

from __future__ import annotations

import signal
import subprocess
import sys

from azure.servicebus import ServiceBusClient, ServiceBusMessage

from local.emulators.managed_server import PROJECT
from local.emulators.queue_depths import QueueDepth, read_queue_depths
from tests import servers
from tests.local.emulators.servicebus_process import document
from tests.waiting import eventually


def _depths(port):
    try:
        return read_queue_depths(port)
    except OSError:
        return None


def test_it_prints_its_connection_string_and_serves_a_config_json(tmp_path):
    config, port = tmp_path / "Config.json", servers.free_port()
    config.write_text(document({"orders": {}}))
    command = [sys.executable, "-m", "cli", "emulators", "servicebus", "--config", str(config)]
    options = ["--data", str(tmp_path), "--port", str(port), "--key", "app:s3cret:Send"]
    with subprocess.Popen(
        [*command, *options], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    ) as process:
        printed = process.stdout.readline().strip()
        assert eventually(lambda: _depths(port), 30) == [QueueDepth("orders", 0, 0, 0)]
        connection = printed.replace("RootManageSharedAccessKey", "app").replace(
            "SAS_KEY_VALUE", "s3cret"
        )
        with ServiceBusClient.from_connection_string(connection) as client:
            client.get_queue_sender("orders").send_messages(ServiceBusMessage("1"))
        assert str(read_queue_depths(port)[0]) == "orders 1"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
