"""SDK clients by the name of their connection setting.

The connection `X` is configured by a connection string, in `X` or `AzureWebJobsX`, or by an
identity: `X__blobServiceUri` with `X__queueServiceUri`, `X__serviceUri`, or
`X__fullyQualifiedNamespace`. `X__credential=managedidentity` and `X__clientId` select the identity.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from local.host.app.bindings import (
    Function,
    HttpOutput,
    HttpTrigger,
    ServiceBusOutput,
    ServiceBusTrigger,
)
from local.host.errors import HostError

if TYPE_CHECKING:
    from azure.servicebus.aio import ServiceBusClient
    from azure.storage.blob import BlobServiceClient
    from azure.storage.queue import QueueServiceClient

log = logging.getLogger(__name__)

#: Azurite's default account, the same everywhere.
DEVELOPMENT_STORAGE = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey="
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;"
    "QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;"
    "TableEndpoint=http://127.0.0.1:10002/devstoreaccount1;"
)
#: For Microsoft's Service Bus emulator and this project's.
DEVELOPMENT_SERVICE_BUS = (
    "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;"
    "SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;"
)

STORAGE_SUFFIXES = ("__blobServiceUri", "__serviceUri", "__accountName")
SERVICE_BUS_SUFFIX = "__fullyQualifiedNamespace"
LOOPBACK = ("localhost", "127.0.0.1")

#: Threads for blocking SDK calls; the app's functions have threads of their own.
STORAGE_THREADS = 32

#: Seconds; ample for a storage account on this machine or in the same region.
STORAGE_TIMEOUTS: dict[str, Any] = {"connection_timeout": 5, "read_timeout": 30}


class Connections:
    """Creates clients on first use and closes them all.

    An SDK is imported with its first client, because the import takes as long as loading an app.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._blobs: dict[str, BlobServiceClient] = {}
        self._queues: dict[str, QueueServiceClient] = {}
        self._credentials: dict[str, Any] = {}
        self._threads = ThreadPoolExecutor(STORAGE_THREADS, thread_name_prefix="storage")

    def __repr__(self) -> str:
        return f"<Connections {' '.join(sorted({*self._blobs, *self._queues}))}>"

    async def in_thread[T](self, call: Callable[..., T], *args: Any) -> T:
        """Run a blocking SDK call. If the caller is cancelled, the call still runs to its end."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *args)

    def blobs(self, name: str) -> BlobServiceClient:
        """Raises HostError if the connection setting cannot be used."""
        if name not in self._blobs:
            from azure.storage.blob import BlobServiceClient, LinearRetry  # noqa: PLC0415

            options = _storage_options(LinearRetry)
            if text := self._text(name):
                self._blobs[name] = _checked(
                    name, lambda: BlobServiceClient.from_connection_string(text, **options)
                )
            else:
                self._blobs[name] = BlobServiceClient(
                    self._uri(name, "blob"), credential=self._credential(name), **options
                )
        return self._blobs[name]

    def queues(self, name: str) -> QueueServiceClient:
        """Raises HostError if the connection setting cannot be used."""
        if name not in self._queues:
            from azure.storage.queue import LinearRetry, QueueServiceClient  # noqa: PLC0415

            options = _storage_options(LinearRetry)
            if text := self._text(name):
                self._queues[name] = _checked(
                    name,
                    lambda: QueueServiceClient.from_connection_string(text, **options),
                )
            else:
                self._queues[name] = QueueServiceClient(
                    self._uri(name, "queue"), credential=self._credential(name), **options
                )
        return self._queues[name]

    def service_bus(self, name: str) -> ServiceBusClient:
        """A new client; the caller closes it. Raises HostError."""
        from azure.servicebus.aio import ServiceBusClient  # noqa: PLC0415

        # Callers retry themselves and log why; more retries in the SDK would only hide it.
        options: dict[str, Any] = {"retry_total": 1, "retry_backoff_factor": 0.2}
        if text := self._text(name):
            return _checked(name, lambda: ServiceBusClient.from_connection_string(text, **options))
        if namespace := self._env.get(name + SERVICE_BUS_SUFFIX):
            # An emulator on this machine has no TLS; its address has a port.
            options["use_tls"] = namespace.partition(":")[0] not in LOOPBACK
            return ServiceBusClient(namespace, _InThreads(self._credential(name), self), **options)
        raise HostError(f"connection {name}: set {name} or {name}{SERVICE_BUS_SUFFIX}")

    async def close(self) -> None:
        for each in (self._blobs, self._queues, self._credentials):
            for client in each.values():
                await self.in_thread(client.close)
        self._threads.shutdown()

    def _text(self, name: str) -> str:
        return self._env.get(name) or self._env.get(f"AzureWebJobs{name}") or ""

    def _uri(self, name: str, service: str) -> str:
        for suffix in (f"__{service}ServiceUri", "__serviceUri"):
            if uri := self._env.get(name + suffix):
                return uri
        if account := self._env.get(f"{name}__accountName"):
            return f"https://{account}.{service}.core.windows.net"
        raise HostError(f"connection {name}: set {name} or {name}__{service}ServiceUri")

    def _credential(self, name: str) -> Any:
        """One for all clients of a connection, since it caches tokens."""
        if name not in self._credentials:
            self._credentials[name] = _credential(
                self._env.get(f"{name}__credential", ""), self._env.get(f"{name}__clientId")
            )
        return self._credentials[name]


def _storage_options(linear_retry: Callable[..., Any]) -> dict[str, Any]:
    """Limit the SDK's retries, which by default take minutes."""
    retry = linear_retry(backoff=1, retry_total=2, random_jitter_range=0)
    return {"retry_policy": retry, **STORAGE_TIMEOUTS}


def set_defaults(functions: Iterable[Function], env: MutableMapping[str, str]) -> None:
    """Set missing connections to the emulators' connection strings.

    They are set in the environment, because the blob extension inside the app reads them there. It
    does not know the short form `UseDevelopmentStorage=true` either.
    """
    buses, storages = _connection_names(functions)
    for name in buses:
        if not _is_set(name, env, (SERVICE_BUS_SUFFIX,)):
            env[name] = DEVELOPMENT_SERVICE_BUS
            log.info("%s is not set: using the Service Bus emulator on this machine", name)
    for name in storages:
        if not _is_set(name, env, STORAGE_SUFFIXES):
            env[name] = DEVELOPMENT_STORAGE
            log.info("%s is not set: using the storage emulator on this machine", name)
    expand_development_storage(env, [*storages, *(f"AzureWebJobs{name}" for name in storages)])


def expand_development_storage(env: MutableMapping[str, str], names: Iterable[str]) -> None:
    """Replace `UseDevelopmentStorage=true`, which the SDKs do not know, by the full string."""
    for name in names:
        if env.get(name, "").strip().rstrip(";").lower() == "usedevelopmentstorage=true":
            env[name] = DEVELOPMENT_STORAGE


def _connection_names(functions: Iterable[Function]) -> tuple[list[str], list[str]]:
    """Service Bus connections and storage connections, each sorted."""
    buses, storages = set[str](), set[str]()
    for function in functions:
        for binding in (function.trigger, *function.inputs, *function.outputs):
            match binding:
                case HttpTrigger() | HttpOutput():
                    pass
                case ServiceBusTrigger() | ServiceBusOutput():
                    buses.add(binding.connection)
                case _:
                    storages.add(binding.connection)
    return sorted(buses), sorted(storages)


def _is_set(name: str, env: Mapping[str, str], suffixes: Iterable[str]) -> bool:
    names = (name, f"AzureWebJobs{name}", *(name + suffix for suffix in suffixes))
    return any(env.get(each) for each in names)


def _checked[T](name: str, make: Callable[[], T]) -> T:
    """Call `make`. Raises HostError for a bad connection string, without showing the string."""
    try:
        return make()
    except ValueError as error:
        raise HostError(
            f"connection {name}: the app setting {name} is not a connection string "
            f"({type(error).__name__}); correct it"
        ) from error


def _credential(kind: str, client_id: str | None) -> Any:
    from azure import identity  # noqa: PLC0415 - needed for identities only

    # Its default of ten retries would delay a shutdown; callers retry themselves.
    options: dict[str, Any] = {"retry_total": 1}
    if kind.lower() == "managedidentity":
        return identity.ManagedIdentityCredential(client_id=client_id, **options)
    if client_id:
        # Left out otherwise: an explicit None would keep it from reading AZURE_CLIENT_ID.
        options["managed_identity_client_id"] = client_id
    return identity.DefaultAzureCredential(**options)


class _InThreads:
    """Adapts a blocking credential to the asynchronous client; azure.identity.aio needs aiohttp.

    Closing does nothing, because other clients share the credential.
    """

    def __init__(self, credential: Any, connections: Connections) -> None:
        self._credential, self._connections = credential, connections

    async def get_token(self, *scopes: str, **_: Any) -> Any:
        return await self._connections.in_thread(self._credential.get_token, *scopes)

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> _InThreads:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass
