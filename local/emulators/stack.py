"""Starts and stops all emulators together."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from local.emulators import scoring_entities
from local.emulators.azurite import Azurite
from local.emulators.errors import EmulatorError
from local.emulators.managed_server import ManagedServer
from local.emulators.ports import Ports, require_free
from local.emulators.redis_server import RedisServer
from local.emulators.service_bus_emulator import ServiceBusEmulator
from local.emulators.state_folder import Record, StateFolder
from local.emulators.supervisor import State, Supervisor

log = logging.getLogger(__name__)

#: Seconds in which the servers of a killed stack end and release their ports.
RELEASE_S = 5.0


@dataclass(frozen=True, slots=True)
class ServerStatus:
    name: str
    pid: int | None
    port: int
    state: State


def servers(folder: StateFolder, ports: Ports) -> tuple[RedisServer, Azurite, ServiceBusEmulator]:
    """The servers of a stack, in order of start."""
    return (
        RedisServer(folder.data("redis"), ports.redis),
        Azurite(
            folder.data("azurite"), ports.azurite_blob, ports.azurite_queue, ports.azurite_table
        ),
        ServiceBusEmulator(
            folder.data("servicebus"),
            ports.servicebus,
            folder.data("servicebus") / "Config.json",
        ),
    )


class Stack:
    """Redis (unless left out), Azurite and the Service Bus emulator.

    `start` runs all of them or raises EmulatorError and runs none. The servers end with this
    process, even if it is killed.
    """

    def __init__(self, root: Path, ports: Ports | None = None, *, with_redis: bool = True) -> None:
        self.ports = ports or Ports()
        self._with_redis = with_redis
        self._folder = StateFolder(root.absolute())
        self._redis, self._azurite, self._servicebus = servers(self._folder, self.ports)
        self._supervisors = [
            Supervisor(
                server, log_file=self._folder.log(server.name), on_change=self._server_changed
            )
            for server in self._all
        ]
        self._ready = False
        self._stopped = threading.Event()
        self._recording = threading.Lock()

    def __repr__(self) -> str:
        states = " ".join(f"{server.name}={server.state}" for server in self.servers)
        return f"<Stack {self._folder.root} {states}>"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def redis_url(self) -> str:
        """Empty without Redis: the app then caches in its own memory."""
        return self._redis.url if self._with_redis else ""

    @property
    def storage_connection_string(self) -> str:
        return self._azurite.connection_string

    @property
    def servicebus_connection_string(self) -> str:
        return self._servicebus.connection_string

    @property
    def servers(self) -> list[ServerStatus]:
        return [
            ServerStatus(each.server.name, each.pid, each.server.ports[0], each.state)
            for each in self._supervisors
        ]

    def start(self) -> None:
        """Start every server and wait until each one answers."""
        was_killed = self._folder.acquire()
        try:
            self._require_all(wait_s=RELEASE_S if was_killed else 0.0)
            scoring_entities.write_config(self._servicebus.config)
            self._stopped.clear()
            for each in self._supervisors:
                each.launch()
            self._record()
            for each in self._supervisors:
                each.wait_ready()
            self._ready = True
            self._record()
        except BaseException:
            self.stop()
            raise
        log.info("%r", self)

    def stop(self) -> None:
        """Stop every server, in reverse order of start. Does nothing if the stack is stopped."""
        for each in reversed(self._supervisors):
            each.stop()
        self._ready = False
        self._stopped.set()
        self._folder.release()

    def wait(self) -> None:
        """Block until `stop`. Raises EmulatorError as soon as a supervisor gives up."""
        self._stopped.wait()
        failed = [server.name for server in self.servers if server.state == "failed"]
        if failed:
            raise EmulatorError(
                f"{' and '.join(failed)} kept ending: see {self._folder.log(failed[0])}"
            )

    @property
    def _all(self) -> Sequence[ManagedServer]:
        others = (self._azurite, self._servicebus)
        return (self._redis, *others) if self._with_redis else others

    def _require_all(self, *, wait_s: float) -> None:
        """Check everything that can be checked before the first server starts."""
        for server in self._all:
            server.command()
            for port in server.ports:
                require_free(port, server.name, wait_s=wait_s)

    def _server_changed(self) -> None:
        self._record()
        if any(server.state == "failed" for server in self.servers):
            self._stopped.set()

    def _record(self) -> None:
        with self._recording:
            children = {each.name: each.pid for each in self.servers if each.pid is not None}
            self._folder.write(Record(os.getpid(), self.ports, self._ready, children))
