"""Azure SDK clients for the connections that app settings name.

A connection `X` is a connection string in `X` or `AzureWebJobsX`, or an identity with the address
of a service: `X__blobServiceUri`, `X__queueServiceUri`, `X__serviceUri`, `X__accountName`,
`X__fullyQualifiedNamespace`. The app's own clients (triggers.storage.storage_clients) sign in
with a managed identity alone. These also accept the identity of `az login`, because a person runs
them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from azure.core.credentials import AccessToken, TokenCredential
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential
from azure.servicebus.aio import ServiceBusClient
from azure.storage.blob import BlobServiceClient
from azure.storage.blob import LinearRetry as BlobRetry

from deploy.errors import Refused
from triggers.connections import emulator_transport, service_bus_connection

if TYPE_CHECKING:
    from azure.servicebus.management import ServiceBusAdministrationClient
    from azure.storage.queue import QueueServiceClient

#: The emulators' connection strings: Azurite's short form, which the storage SDKs know, and the
#: Service Bus emulator's.
STORAGE_EMULATOR = "UseDevelopmentStorage=true"
SERVICE_BUS_EMULATOR = (
    "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;"
    "SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;"
)
#: Seconds for a call of the administration client, as azure-core names them.
ADMINISTRATION_S = {"connection_timeout": 5.0, "read_timeout": 5.0}
#: The blob trigger of Azure Functions puts a blob here after its last failed try.
POISON_QUEUE = "webjobs-blobtrigger-poison"


def with_emulators(env: Mapping[str, str], *, storage: str, service_bus: str) -> dict[str, str]:
    """The settings, with the emulators' addresses for connections that are not set, as on the local
    host. `storage`, `service_bus`: the names of the connections.
    """
    whole = dict(env)
    for name, default in ((storage, STORAGE_EMULATOR), (service_bus, SERVICE_BUS_EMULATOR)):
        if uses_emulators(whole, name):
            whole[name] = default
    return whole


def uses_emulators(env: Mapping[str, str], *names: str) -> bool:
    """Whether none of the connections is set, in any form: the local host then uses the emulators.

    If some are set and others are not, those are missing.
    """
    starts = tuple(start for name in names for start in (name, f"AzureWebJobs{name}"))
    return not any(value and each.startswith(starts) for each, value in env.items())


def blobs(env: Mapping[str, str], name: str) -> BlobServiceClient:
    """A blocking client. Raises Refused."""
    return _storage(BlobServiceClient, "blob", BlobRetry, env, name)


def queues(env: Mapping[str, str], name: str) -> QueueServiceClient:
    """A blocking client. Raises Refused."""
    try:
        from azure.storage.queue import LinearRetry, QueueServiceClient  # noqa: PLC0415
    except ModuleNotFoundError as error:  # the app itself does not need it
        raise Refused(f"queue {POISON_QUEUE} needs `pip install azure-storage-queue`") from error
    return _storage(QueueServiceClient, "queue", LinearRetry, env, name)


def service_bus(env: Mapping[str, str], name: str) -> ServiceBusClient:
    """An asynchronous client. Raises Refused."""
    options: dict[str, Any] = {"retry_total": 1, "retry_backoff_factor": 0.2}
    if text := _connection_string(env, name):
        with _refusing(name):
            return ServiceBusClient.from_connection_string(text, **options)
    if namespace := env.get(f"{name}__fullyQualifiedNamespace"):
        options["use_tls"] = service_bus_connection.uses_tls(namespace)
        return ServiceBusClient(namespace, _InThread(_credential(env, name)), **options)
    raise Refused(f"connection {name} is not set: set {name} or {name}__fullyQualifiedNamespace")


def service_bus_administration(env: Mapping[str, str], name: str) -> ServiceBusAdministrationClient:
    """A blocking client. Raises Refused."""
    # Loaded by the doctor alone.
    from azure.servicebus.management import ServiceBusAdministrationClient  # noqa: PLC0415

    options: dict[str, Any] = {"retry_total": 0, **ADMINISTRATION_S}
    if text := _connection_string(env, name):
        if emulator_transport.is_emulator(text):
            # The SDK hands the seconds to a transport of its own making alone.
            options["transport"] = emulator_transport.PlainHttp(**ADMINISTRATION_S)
        with _refusing(name):
            return ServiceBusAdministrationClient.from_connection_string(text, **options)
    if namespace := env.get(f"{name}__fullyQualifiedNamespace"):
        return ServiceBusAdministrationClient(namespace, _credential(env, name), **options)
    raise Refused(f"connection {name} is not set: set {name} or {name}__fullyQualifiedNamespace")


def _storage[C: (BlobServiceClient, QueueServiceClient)](
    client: type[C], service: str, retry: Callable[..., Any], env: Mapping[str, str], name: str
) -> C:
    # By default the SDK retries for minutes. The times are in seconds.
    options: dict[str, Any] = {
        "retry_policy": retry(backoff=1, retry_total=2, random_jitter_range=0),
        "connection_timeout": 5,
        "read_timeout": 30,
    }
    if text := _connection_string(env, name):
        with _refusing(name):
            return client.from_connection_string(text, **options)
    uri = _storage_uri(env, name, service)
    return client(uri, credential=_credential(env, name), **options)


def _connection_string(env: Mapping[str, str], name: str) -> str:
    return env.get(name) or env.get(f"AzureWebJobs{name}") or ""


def _storage_uri(env: Mapping[str, str], name: str, service: str) -> str:
    for suffix in (f"__{service}ServiceUri", "__serviceUri"):
        if uri := env.get(name + suffix):
            return uri
    if account := env.get(f"{name}__accountName"):
        return f"https://{account}.{service}.core.windows.net"
    raise Refused(f"connection {name} is not set: set {name} or {name}__{service}ServiceUri")


def _credential(env: Mapping[str, str], name: str) -> TokenCredential:
    # The default of ten tries would take minutes.
    options: dict[str, Any] = {"retry_total": 1}
    client_id = env.get(f"{name}__clientId")
    if env.get(f"{name}__credential", "").lower() == "managedidentity":
        return ManagedIdentityCredential(client_id=client_id, **options)
    if client_id:
        # None would keep the credential from reading AZURE_CLIENT_ID.
        options["managed_identity_client_id"] = client_id
    return DefaultAzureCredential(**options)


@contextmanager
def _refusing(name: str) -> Iterator[None]:
    """Replace the SDK's message, which may repeat the connection string and its key."""
    try:
        yield
    except ValueError as error:
        raise Refused(
            f"connection {name} is not a connection string: correct the app setting {name}"
        ) from error


class _InThread:
    """A blocking credential for an asynchronous client: azure.identity.aio needs aiohttp."""

    def __init__(self, credential: TokenCredential) -> None:
        self._credential = credential

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return await asyncio.to_thread(self._credential.get_token, *scopes, **options)

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass
