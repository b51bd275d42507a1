"""The app on emulators of its own, so that no other app takes its blobs and messages."""

from __future__ import annotations

import json
import shutil
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.servicebus import ServiceBusClient, ServiceBusReceiveMode
from azure.storage.blob import BlobServiceClient, ContainerClient

from bench.errors import BenchError
from bench.models import Model
from bench.places import ROOT, WORK, free_port
from bench.servers.ours import CacheMode, app
from bench.servers.server import Running, Server
from local.emulators.ports import Ports
from local.emulators.stack import Stack

PATIENCE_S = 120.0
LOOK_S = 0.01


class Emulators:
    """Redis, storage and Service Bus, with clients of the containers and queues that apps use."""

    def __init__(self, name: str) -> None:
        self.name = name
        folder = WORK / "triggers" / name
        shutil.rmtree(folder, ignore_errors=True)
        self._stack = Stack(folder, Ports(*(free_port() for _ in range(5))))
        self._cleanup = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as cleanup:
            cleanup.enter_context(self._stack)
            storage = self.storage_connection_string
            self.storage = cleanup.enter_context(BlobServiceClient.from_connection_string(storage))
            bus = self._stack.servicebus_connection_string
            self.bus = cleanup.enter_context(ServiceBusClient.from_connection_string(bus))
            self.input = self.container("scoring-input")
            self.output = self.storage.get_container_client("scoring-output")
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    @property
    def storage_connection_string(self) -> str:
        return self._stack.storage_connection_string

    @property
    def env(self) -> dict[str, str]:
        """The settings that connect an app with them."""
        return {
            "AzureWebJobsStorage": self.storage_connection_string,
            "ScoringStorage": self.storage_connection_string,
            "ServiceBusConnection": self._stack.servicebus_connection_string,
        }

    def container(self, name: str) -> ContainerClient:
        """The container, made if it is missing."""
        container = self.storage.get_container_client(name)
        with suppress(ResourceExistsError):
            container.create_container()
        return container

    def app(
        self,
        model: Model,
        cache_mode: CacheMode,
        *,
        triggers: str = "http,blob,servicebus",
        folder: Path = ROOT,
    ) -> Server:
        """Triscore on these emulators, or the app in another folder."""
        env = self.env | {"TRIGGERS": triggers}
        return app(self.name, model, cache_mode, self._stack.redis_url, env=env, folder=folder)

    def report(self, name: str) -> dict[str, Any]:
        """Wait for a blob's report, which is written last. Raises BenchError."""
        document: dict[str, Any] = json.loads(self.wait_for(f"{name}.report.json"))
        return document

    def wait_for(
        self, name: str, patience_s: float = PATIENCE_S, *, look_s: float = LOOK_S
    ) -> bytes:
        """Wait for a blob in the output; look for it every `look_s`. Raises BenchError."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            try:
                return bytes(self.output.download_blob(name).readall())
            except ResourceNotFoundError:
                time.sleep(look_s)
        raise BenchError(f"{self.name}: no {name} within {patience_s:g} s")

    def receive_results(self, number: int) -> dict[str, Any]:
        """Take so many result documents off the queue. Returns their results by their ids."""
        mode = ServiceBusReceiveMode.RECEIVE_AND_DELETE
        with self.bus.get_queue_receiver("scoring-results", receive_mode=mode) as receiver:
            return results_of(receiver, number)


class EmulatedApp:
    """The app, running on emulators of its own."""

    def __init__(self, name: str, model: Model, cache_mode: CacheMode) -> None:
        self.name, self.estimator = name, model.estimator()
        self.emulators = Emulators(name)
        self._model, self._cache_mode = model, cache_mode
        self._cleanup = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as cleanup:
            cleanup.enter_context(self.emulators)
            self.server = self.emulators.app(self._model, self._cache_mode)
            self.running = cleanup.enter_context(Running(self.server))
            self.running.wait_ready()
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()


def results_of(receiver: Any, number: int) -> dict[str, Any]:
    """Receive `number` results, by their ids. Raises BenchError."""
    results: dict[str, Any] = {}
    deadline = time.monotonic() + PATIENCE_S
    while len(results) < number:
        if time.monotonic() > deadline:
            raise BenchError(f"{len(results)} of {number} results came within {PATIENCE_S:g} s")
        # Asked for more than come, the SDK waits 0.2 s for them.
        wanted = min(500, number - len(results))
        for message in receiver.receive_messages(wanted, max_wait_time=1):
            document = json.loads(str(message))
            results[document["id"]] = document["result"]
    return results
