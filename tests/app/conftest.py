"""The whole app as a user runs it: the host, Redis, Azurite and the broker, each a process."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSender
from azure.servicebus.exceptions import ServiceBusError
from azure.storage.blob import BlobServiceClient, ContainerClient

from local.emulators.service_bus_emulator import CONFIG
from tests import small_model
from tests.servers import AzuriteProcess, BrokerProcess, HostProcess, RedisProcess
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
#: A killed host's messages come back when their locks end: tests do not wait a minute for that.
LOCK = "PT5S"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Message
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def short_locks(folder: Path) -> Path:
    """The app's own queues with short locks, as a Config.json."""
    config = folder / "Config.json"
    config.write_text(CONFIG.read_text().replace("PT1M", LOCK))
    return config


@dataclass
class App:
    """Everything that runs, and a user's ways to it."""

    folder: Path
    redis: RedisProcess
    azurite: AzuriteProcess
    servicebus: BrokerProcess
    model_dir: Path
    env: dict[str, str] = field(default_factory=dict)
    #: The app, and what runs it.
    app_dir: Path = ROOT
    python: str = sys.executable
    #: As `triscore host` takes them.
    host_args: tuple[str, ...] = ()
    _host: HostProcess | None = None
    _inbox: Inbox | None = None
    _client: ServiceBusClient | None = None
    _sender: ServiceBusSender = field(init=False)

    @property
    def host(self) -> HostProcess:
        assert self._host is not None
        return self._host

    @property
    def inbox(self) -> Inbox:
        """The result documents that came so far."""
        if self._inbox is None:
            self._inbox = Inbox(self.servicebus.connection_string)
        return self._inbox

    def start_host(self, *, answers: str = "/api/health/ready") -> None:
        """Start the host, or start it again after it ended; wait until that path is answered."""
        port = None if self._host is None else self._host.port
        log = self.folder / "host.log"
        self._host = HostProcess(
            self.app_dir, self._settings(), self.host_args, log, port=port, python=self.python
        )
        self._host.wait_ready()
        eventually(lambda: self.get(answers).status == 200, 30)

    def stop(self) -> None:
        if self._inbox is not None:
            self._inbox.close()
        self._hang_up()
        if self._host is not None:
            self._host.stop()
        for server in (self.redis, self.azurite, self.servicebus):
            server.stop()

    def post(
        self,
        body: bytes,
        kind: str = "application/json",
        *,
        path: str = "/api/score",
        **headers: str,
    ) -> Reply:
        """POST to `path`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._ask(path, body, {"Content-Type": kind, **named})

    def get(self, path: str) -> Reply:
        return self._ask(path, None, {})

    def send(self, *messages: ServiceBusMessage) -> None:
        """Enqueue messages. Raises ServiceBusError where the broker is away."""
        if self._client is None:
            # Kept: to close a synchronous client takes a second.
            self._client = ServiceBusClient.from_connection_string(
                self.servicebus.connection_string, retry_total=0
            )
            self._sender = self._client.get_queue_sender("scoring-requests")
        try:
            self._sender.send_messages(list(messages))
        except ServiceBusError:
            self._hang_up()
            raise

    def upload(self, name: str, body: bytes) -> None:
        with self._container("scoring-input") as container:
            with contextlib.suppress(ResourceExistsError):
                container.create_container()
            container.upload_blob(name, body, overwrite=True)

    def output(self, name: str) -> bytes | None:
        """A blob of the output container, None where it is not there (yet)."""
        with self._container("scoring-output") as container:
            try:
                return bytes(container.download_blob(name).readall())
            except ResourceNotFoundError:
                return None

    def report(self, name: str) -> Any:
        """The report of a blob, when it is there."""
        return json.loads(eventually(lambda: self.output(f"{name}.report.json"), 30))

    def _hang_up(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            self._sender.close()
            client.close()

    def _container(self, name: str) -> ContainerClient:
        storage = BlobServiceClient.from_connection_string(self.azurite.connection_string)
        return storage.get_container_client(name)

    def _settings(self) -> dict[str, str]:
        settings = {
            "AzureWebJobsStorage": self.azurite.connection_string,
            "ScoringStorage": self.azurite.connection_string,
            "ServiceBusConnection": self.servicebus.connection_string,
            "REDIS_URL": self.redis.url,
            "AZUREML_MODEL_DIR": str(self.model_dir),
            "MAX_BODY_BYTES": "200000",
            # A busy machine is no outage; the tests of outages set a deadline of their own.
            "CACHE_TIMEOUT_MS": "1000",
            **self.env,
        }
        # One that is empty is left out, as in the portal.
        return {name: value for name, value in settings.items() if value}

    def _ask(self, path: str, body: bytes | None, headers: dict[str, str]) -> Reply:
        request = urllib.request.Request(self.host.url + path, data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return Reply(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, error.headers, error.read())


class Inbox:
    """Reads the output queue in a thread, whatever happens to the broker meanwhile."""

    def __init__(self, connection_string: str) -> None:
        self.documents: list[dict[str, Any]] = []
        self._connection_string = connection_string
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def counts(self) -> Counter[str]:
        """How many documents each id has."""
        return Counter(document["id"] for document in self.documents)

    def of(self, *ids: str, timeout_s: float = 30) -> list[dict[str, Any]]:
        """The first document of each id, when all are there."""

        def there() -> list[dict[str, Any]] | None:
            known = {document["id"]: document for document in reversed(self.documents)}
            return [known[each] for each in ids] if set(ids) <= set(known) else None

        found: list[dict[str, Any]] = eventually(there, timeout_s)
        return found

    def close(self) -> None:
        self._closing.set()
        self._thread.join(10)

    def _read(self) -> None:
        while not self._closing.is_set():
            try:
                with (
                    ServiceBusClient.from_connection_string(
                        self._connection_string, retry_total=0
                    ) as client,
                    client.get_queue_receiver("scoring-results") as receiver,
                ):
                    while not self._closing.is_set():
                        for message in receiver.receive_messages(100, max_wait_time=0.2):
                            document = json.loads(str(message))
                            # Only what is settled counts: an unsettled one comes again.
                            receiver.complete_message(message)
                            self.documents.append(document)
            except ServiceBusError:
                self._closing.wait(0.2)


@pytest.fixture(scope="module")
def make_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., App]]:
    """`make_app(**settings)`: the app, up and answering."""
    made: list[App] = []

    def make(
        *,
        without: str = "",
        app_dir: Path = ROOT,
        python: str = sys.executable,
        answers: str = "/api/health/ready",
        **env: str,
    ) -> App:
        folder = tmp_path_factory.mktemp("app")
        for name in ("redis", "azurite", "servicebus"):
            (folder / name).mkdir()
        app = App(
            folder,
            RedisProcess(folder / "redis"),
            AzuriteProcess(folder / "azurite"),
            BrokerProcess(folder / "servicebus", short_locks(folder / "servicebus")),
            small_model.save(folder),
            env,
            app_dir,
            python,
        )
        made.append(app)
        for server in (app.redis, app.azurite, app.servicebus):
            if server.server.name != without:
                server.start()
        app.start_host(answers=answers)
        return app

    yield make
    for app in made:
        app.stop()


@pytest.fixture(scope="module")
def app(make_app: Callable[..., App]) -> App:
    """One app for all tests of a module."""
    return make_app()
