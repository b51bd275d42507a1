"""The whole app as a user runs it: the host, Redis, Azurite and the broker, each a process."""

from __future__ import annotations

import contextlib
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSender
from azure.servicebus.exceptions import ServiceBusError
from azure.storage.blob import BlobServiceClient, ContainerClient

from local.emulators.scoring_entities import make_config
from tests.inbox import Inbox
from tests.servers import AzuriteProcess, BrokerProcess, HostProcess, RedisProcess
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[1]
#: A killed host's messages come back when their locks expire: tests do not wait a minute for that.
LOCK = "PT5S"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Message
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def _short_locks(folder: Path, settings: Mapping[str, str]) -> Path:
    """The app's queues and topics with short locks, as a Config.json."""
    config = folder / "Config.json"
    config.write_text(json.dumps(make_config(settings)).replace("PT1M", LOCK))
    return config


@dataclass
class App:
    """The processes of one app, and what a user does with it."""

    folder: Path
    redis: RedisProcess
    azurite: AzuriteProcess
    servicebus: BrokerProcess
    model_dir: Path
    env: dict[str, str] = field(default_factory=dict)
    #: The folder of the app, and the Python that runs it.
    app_dir: Path = ROOT
    python: str = sys.executable
    #: As `triscore host` takes them.
    host_args: tuple[str, ...] = ()
    _host: HostProcess | None = None
    _inbox: Inbox | None = None
    _client: ServiceBusClient | None = None
    _sender: ServiceBusSender = field(init=False, repr=False)

    @classmethod
    def in_folder(
        cls, folder: Path, model_dir: Path, env: dict[str, str] | None = None, **more: Any
    ) -> App:
        """The app and its servers, not started yet, with their files in `folder`.

        `more`: values of the other fields.
        """
        for name in ("redis", "azurite", "servicebus"):
            (folder / name).mkdir()
        return cls(
            folder,
            RedisProcess(folder / "redis"),
            AzuriteProcess(folder / "azurite"),
            BrokerProcess(folder / "servicebus", _short_locks(folder / "servicebus", env or {})),
            model_dir,
            env=env or {},
            **more,
        )

    @property
    def host(self) -> HostProcess:
        assert self._host is not None
        return self._host

    @property
    def inbox(self) -> Inbox:
        """The result documents that came since the first use."""
        if self._inbox is None:
            self._inbox = Inbox(self.servicebus.connection_string)
        return self._inbox

    def start_servers(self, *, without: str = "") -> None:
        """Start Redis, Azurite and the broker, but the one of that name."""
        for server in (self.redis, self.azurite, self.servicebus):
            if server.server.name != without:
                server.start()

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
        self._disconnect()
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
            # It is kept because closing a synchronous client takes a second.
            self._client = ServiceBusClient.from_connection_string(
                self.servicebus.connection_string, retry_total=0
            )
            self._sender = self._client.get_queue_sender("scoring-requests")
        try:
            self._sender.send_messages(list(messages))
        except ServiceBusError:
            self._disconnect()
            raise

    def upload(self, name: str, body: bytes, metadata: dict[str, str] | None = None) -> None:
        with self._container("scoring-input") as container:
            with contextlib.suppress(ResourceExistsError):
                container.create_container()
            container.upload_blob(name, body, overwrite=True, metadata=metadata)

    def output(self, name: str) -> bytes | None:
        """A blob of the output container; None if it is not there (yet)."""
        with self._container("scoring-output") as container:
            try:
                return bytes(container.download_blob(name).readall())
            except ResourceNotFoundError:
                return None

    def report(self, name: str) -> Any:
        """The report of a blob, once it is there."""
        return json.loads(eventually(lambda: self.output(f"{name}.report.json"), 30))

    def _disconnect(self) -> None:
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
        # An empty one is left out, as in the portal.
        return {name: value for name, value in settings.items() if value}

    def _ask(self, path: str, body: bytes | None, headers: dict[str, str]) -> Reply:
        request = urllib.request.Request(self.host.url + path, data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return Reply(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, error.headers, error.read())
