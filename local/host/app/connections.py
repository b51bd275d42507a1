"""SDK clients by the name of their connection setting.

The connection `X` is configured by a connection string, in `X` or `AzureWebJobsX`, or by an
identity: `X__blobServiceUri` with `X__queueServiceUri`, `X__serviceUri`, or
`X__fullyQualifiedNamespace`. `X__credential=managedidentity` and `X__clientId` select the identity.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from local.host.app.credentials import ThreadedCredential, make_credential
from local.host.errors import HostError

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient
    from azure.storage.queue import QueueServiceClient

    from local.host.amqp_client.bus_address import BusAddress

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

    def bus_address(self, name: str) -> BusAddress:
        """Raises HostError if the connection setting cannot be used."""
        from local.host.amqp_client import bus_address  # noqa: PLC0415 - imports the SDK

        if text := self._text(name):
            return _checked(name, lambda: bus_address.from_connection_string(text))
        if namespace := self._env.get(name + SERVICE_BUS_SUFFIX):
            return bus_address.from_credential(
                namespace,
                ThreadedCredential(self._credential(name), self.in_thread),
                # An emulator on this machine has no TLS; its address has a port.
                uses_tls=namespace.partition(":")[0] not in LOOPBACK,
            )
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
            self._credentials[name] = make_credential(
                self._env.get(f"{name}__credential", ""), self._env.get(f"{name}__clientId")
            )
        return self._credentials[name]


def _storage_options(linear_retry: Callable[..., Any]) -> dict[str, Any]:
    """Limit the SDK's retries, which by default take minutes."""
    retry = linear_retry(backoff=1, retry_total=2, random_jitter_range=0)
    return {"retry_policy": retry, **STORAGE_TIMEOUTS}


def _checked[T](name: str, make: Callable[[], T]) -> T:
    """Call `make`. Raises HostError for a bad connection string, without showing the string."""
    try:
        return make()
    except ValueError as error:
        raise HostError(
            f"connection {name}: the app setting {name} is not a connection string "
            f"({type(error).__name__}); correct it"
        ) from error
