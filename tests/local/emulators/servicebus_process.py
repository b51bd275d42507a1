"""An emulator process with queues of a test's own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from azure.servicebus import ServiceBusClient

from local.emulators.service_bus_emulator import ServiceBusEmulator
from tests import servers
from tests.servers import ServerProcess


class EmulatorProcess(ServerProcess):
    """The emulator as a process; its database stays over `kill` and `start`."""

    def __init__(
        self,
        folder: Path,
        queues: dict[str, dict[str, object]],
        topics: Sequence[Mapping[str, object]] = (),
    ) -> None:
        config = folder / "Config.json"
        config.write_text(document(queues, topics))
        broker = ServiceBusEmulator(folder / "data", servers.free_port(), config)
        super().__init__(broker, folder / "servicebus.log")
        self.connection_string = broker.connection_string

    def client(self) -> ServiceBusClient:
        return ServiceBusClient.from_connection_string(self.connection_string, retry_total=1)


def document(
    queues: dict[str, dict[str, object]], topics: Sequence[Mapping[str, object]] = ()
) -> str:
    """A Config.json with these queues and their properties, and these entries of topics."""
    entries = [{"Name": name, "Properties": properties} for name, properties in queues.items()]
    namespace = {"Name": "sbemulatorns", "Queues": entries, "Topics": list(topics)}
    return json.dumps({"UserConfig": {"Namespaces": [namespace]}})


@contextmanager
def running(
    folder: Path,
    queues: dict[str, dict[str, object]],
    topics: Sequence[Mapping[str, object]] = (),
) -> Iterator[EmulatorProcess]:
    emulator = EmulatorProcess(folder, queues, topics)
    try:
        emulator.start()
        yield emulator
    finally:
        emulator.stop()
