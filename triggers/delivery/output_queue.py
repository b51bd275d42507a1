"""Sends messages to a queue or topic without an output binding, which carries no properties.

The first one imports the Service Bus SDK.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from inference.errors import SettingError
from inference.tracing.spans import Carrier
from triggers.bus_entity import BusEntity
from triggers.connections import service_bus_connection
from triggers.delivery import message_spans
from triggers.envelope import NO_TRACE
from triggers.settings import SERVICE_BUS

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSender

NAMESPACE = f"{SERVICE_BUS}__fullyQualifiedNamespace"
#: Seconds for one transfer. The SDK waits for ever by default.
SEND_S = 20.0


class Outgoing(NamedTuple):
    """A message to send."""

    body: str
    #: Empty: the SDK's own.
    message_id: str = ""
    correlation_id: str = ""
    #: For a queue or topic with sessions.
    session_id: str = ""
    #: The span that sends it, where traces are exported.
    trace: Carrier = NO_TRACE


class QueueSender:
    """Sends to one queue or topic of the app's namespace. It blocks: call it in a thread.

    One thread at a time may call `send_all` and `close`.
    """

    def __init__(self, env: Mapping[str, str], entity: BusEntity) -> None:
        self._env, self._entity = env, entity
        self._open: tuple[ServiceBusClient, ServiceBusSender] | None = None

    def __repr__(self) -> str:
        return f"<QueueSender {self._entity}>"

    def send_all(self, messages: Sequence[Outgoing]) -> None:
        """Send over a connection that stays open, in as few transfers as the sizes allow.

        Raises AzureError, SettingError, and ValueError for a message that is too large. Some
        messages may have been sent then.
        """
        from azure.servicebus import ServiceBusClient, ServiceBusMessage  # noqa: PLC0415 - slow

        made = [
            ServiceBusMessage(
                each.body,
                message_id=each.message_id or None,
                correlation_id=each.correlation_id or None,
                session_id=each.session_id or None,
                content_type="application/json",
                application_properties=message_spans.properties(each.trace),  # type: ignore[arg-type]
            )
            for each in messages
        ]
        try:
            if self._open is None:
                client = self._client(ServiceBusClient)
                self._open = client, self._entity.sender(client)
                # Making a batch opens the link too, but with no timeout.
                self._open[1].send_messages(made.pop(0), timeout=SEND_S)
            _send_together(self._open[1], made)
        except BaseException:
            # The link's state is unknown.
            self.close()
            raise

    def close(self) -> None:
        if self._open is not None:
            opened, self._open = self._open, None
            for each in reversed(opened):
                with contextlib.suppress(Exception):  # a broken connection raises anything
                    each.close()

    def _client(self, client: type[ServiceBusClient]) -> ServiceBusClient:
        options: dict[str, Any] = {
            "retry_total": 1,
            "retry_backoff_factor": 0.2,
            "socket_timeout": 10,
        }
        if text := self._env.get(SERVICE_BUS):
            return client.from_connection_string(text, **options)
        if namespace := self._env.get(NAMESPACE):
            from azure.identity import ManagedIdentityCredential  # noqa: PLC0415 - slow

            identity = ManagedIdentityCredential(
                client_id=self._env.get(f"{SERVICE_BUS}__clientId")
            )
            use_tls = service_bus_connection.uses_tls(namespace)
            return client(namespace, identity, use_tls=use_tls, **options)
        raise SettingError(
            name=SERVICE_BUS, value="", expected=f"a connection string, or {NAMESPACE}"
        )


def _send_together(sender: ServiceBusSender, messages: Sequence[ServiceBusMessage]) -> None:
    if not messages:
        return
    batch = sender.create_message_batch()
    for message in messages:
        try:
            batch.add_message(message)
        except ValueError:  # the batch is full
            if len(batch):
                sender.send_messages(batch, timeout=SEND_S)
            batch = sender.create_message_batch()
            batch.add_message(message)
    sender.send_messages(batch, timeout=SEND_S)


def is_of_all_messages(error: Exception) -> bool:
    """Whether an error of `send_all` says that the queue takes no message now."""
    if isinstance(error, SettingError):
        return True
    from azure.servicebus import exceptions as sdk  # noqa: PLC0415 - slow

    return isinstance(
        error,
        OSError
        | sdk.MessagingEntityDisabledError
        | sdk.MessagingEntityNotFoundError
        | sdk.OperationTimeoutError
        | sdk.ServiceBusAuthenticationError
        | sdk.ServiceBusAuthorizationError
        | sdk.ServiceBusCommunicationError
        | sdk.ServiceBusConnectionError
        | sdk.ServiceBusQuotaExceededError
        | sdk.ServiceBusServerBusyError,
    )
