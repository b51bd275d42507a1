"""Whether storage and Service Bus answer, and how many messages wait in the app's queues.

It imports both SDKs, and it blocks: call it in a thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
from azure.servicebus.management import ServiceBusAdministrationClient

from inference.errors import SettingError
from triggers.bus_entity import BusEntity
from triggers.connections import emulator_transport
from triggers.settings import SERVICE_BUS, STORAGE, TriggerSettings
from triggers.storage.blob_names import Place
from triggers.storage.storage_clients import BlobStorage

#: Of one call, in seconds: the page asks every few seconds.
_SECONDS: dict[str, Any] = {"connection_timeout": 2, "read_timeout": 3}
_ONCE: dict[str, Any] = {"retry_total": 0, **_SECONDS}
NO_RIGHT = "queue depths need the right Manage on the namespace"


class Dependencies:
    """Clients are made with the first question and kept."""

    def __init__(self, env: Mapping[str, str], settings: TriggerSettings) -> None:
        self._env, self._settings = env, settings
        self._storage = BlobStorage(env)
        self._administration: ServiceBusAdministrationClient | None = None

    def __repr__(self) -> str:
        return f"<Dependencies {' '.join(sorted(self._settings.triggers))}>"

    def read(self) -> dict[str, dict[str, Any]]:
        """Of each dependency that the triggers need: `status`, `message` where it is not `ok`, and
        of Service Bus `queues`, which is null without the right to ask.
        """
        found = {}
        if "blob" in self._settings.triggers:
            found["storage"] = self._read_storage()
        if self._settings.waiting:
            found["servicebus"] = self._read_service_bus()
        return found

    def _read_storage(self) -> dict[str, Any]:
        try:
            place = Place(STORAGE, self._settings.output_container)
            self._storage.container(place).exists(**_ONCE)
        except (AzureError, SettingError) as error:
            return _failed("storage", error)
        return {"status": "ok"}

    def _read_service_bus(self) -> dict[str, Any]:
        try:
            client = self._client()
            queues = [_depth(client, entity) for entity in self._settings.waiting]
        except (AzureError, SettingError, ValueError) as error:
            if _is_refused(error):
                return {"status": "ok", "queues": None, "message": NO_RIGHT}
            return _failed("Service Bus", error) | {"queues": None}
        return {"status": "ok", "queues": queues}

    def _client(self) -> ServiceBusAdministrationClient:
        if self._administration is None:
            self._administration = self._connect()
        return self._administration

    def _connect(self) -> ServiceBusAdministrationClient:
        options = dict(_ONCE)
        if text := self._env.get(SERVICE_BUS):
            if emulator_transport.is_emulator(text):
                options["transport"] = emulator_transport.PlainHttp(**_SECONDS)
            return ServiceBusAdministrationClient.from_connection_string(text, **options)
        if namespace := self._env.get(f"{SERVICE_BUS}__fullyQualifiedNamespace"):
            from azure.identity import ManagedIdentityCredential  # noqa: PLC0415 - slow

            identity = ManagedIdentityCredential(
                client_id=self._env.get(f"{SERVICE_BUS}__clientId"), retry_total=0
            )
            return ServiceBusAdministrationClient(namespace, identity, **options)
        raise SettingError(name=SERVICE_BUS, value="", expected="a connection string")


def _depth(client: ServiceBusAdministrationClient, entity: BusEntity) -> dict[str, Any]:
    counts: Any
    if entity.subscription:
        counts = client.get_subscription_runtime_properties(entity.name, entity.subscription)
    else:
        counts = client.get_queue_runtime_properties(entity.name)
    return {
        "name": entity.path,
        "waiting": counts.active_message_count or 0,
        "dead_lettered": counts.dead_letter_message_count or 0,
    }


def _is_refused(error: Exception) -> bool:
    """Whether the service answered, and does not let this identity ask."""
    status = error.status_code if isinstance(error, HttpResponseError) else None
    return isinstance(error, ClientAuthenticationError) or status in (401, 403)


def _failed(what: str, error: Exception) -> dict[str, Any]:
    why = str(error) if isinstance(error, SettingError) else f"{what} does not answer"
    return {"status": "failed", "message": why}
