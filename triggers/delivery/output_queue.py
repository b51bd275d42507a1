"""Sends documents to the output queue outside of a call, where there is no output binding.

Only documents of exhausted inputs are sent so. The first one imports the Service Bus SDK.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inference.errors import SettingError
from triggers.settings import SERVICE_BUS

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusClient

NAMESPACE = f"{SERVICE_BUS}__fullyQualifiedNamespace"


class QueueSender:
    """Sends to one queue of the app's namespace. It blocks: call it in a thread."""

    def __init__(self, env: Mapping[str, str], queue: str) -> None:
        self._env, self._queue = env, queue

    def __repr__(self) -> str:
        return f"<QueueSender {self._queue}>"

    def send(self, document: str, message_id: str) -> None:
        """Send one message over a connection of its own. Raises AzureError, SettingError."""
        from azure.servicebus import ServiceBusClient, ServiceBusMessage  # noqa: PLC0415 - slow

        message = ServiceBusMessage(document, message_id=message_id, content_type="text/plain")
        with (
            self._client(ServiceBusClient) as client,
            client.get_queue_sender(self._queue) as sender,
        ):
            sender.send_messages(message)

    def _client(self, client: type[ServiceBusClient]) -> ServiceBusClient:
        options: dict[str, Any] = {"retry_total": 1, "socket_timeout": 10}
        if text := self._env.get(SERVICE_BUS):
            return client.from_connection_string(text, **options)
        if namespace := self._env.get(NAMESPACE):
            from azure.identity import ManagedIdentityCredential  # noqa: PLC0415 - slow

            identity = ManagedIdentityCredential(
                client_id=self._env.get(f"{SERVICE_BUS}__clientId")
            )
            return client(namespace, identity, **options)
        raise SettingError(
            name=SERVICE_BUS, value="", expected=f"a connection string, or {NAMESPACE}"
        )
