"""The emulator inside the test's own process, so that its state can be inspected."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from local.emulators.service_bus_emulator import ServiceBusEmulator
from local.emulators.servicebus import config
from local.emulators.servicebus.broker.store import Store
from local.emulators.servicebus.link import Link
from local.emulators.servicebus.server import Server
from tests import servers
from tests.local.emulators.servicebus_process import document


@dataclass(frozen=True)
class InProcess:
    server: Server
    port: int
    connection_string: str

    def links(self) -> Iterator[Link]:
        """Those of all connections."""
        for connection in self.server.connections:
            yield from connection.links()

    def unsettled(self) -> int:
        """Deliveries that a peer has not settled yet."""
        return sum(
            session.unsettled
            for connection in self.server.connections
            for session in connection.sessions.values()
        )

    def locks(self) -> int:
        return sum(queue.locks_held for queue in self.server.namespace)

    def messages(self) -> int:
        return sum(len(queue) for queue in self.server.namespace)


@asynccontextmanager
async def serving(
    folder: Path,
    queues: dict[str, dict[str, object]],
    topics: Sequence[Mapping[str, object]] = (),
) -> AsyncIterator[InProcess]:
    file, port = folder / "Config.json", servers.free_port()
    file.write_text(document(queues, topics))
    with closing(Store(folder / "servicebus.db")) as store:
        server = Server(config.load(file), store)
        await server.start("127.0.0.1", port)
        try:
            yield InProcess(server, port, ServiceBusEmulator(folder, port, file).connection_string)
        finally:
            await server.stop()
