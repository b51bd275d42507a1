"""Service Bus: the queues are there, and may be read and written. Nothing is sent or received."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus

from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.servicebus import exceptions
from azure.servicebus.aio import ServiceBusClient

from deploy.doctor.configured import Configured
from deploy.doctor.findings import DEADLINE_S, UNREAD, Finding
from local.host.app.connections import Connections
from local.host.errors import HostError
from triggers.settings import SERVICE_BUS, TriggerSettings

_RECEIVER, _SENDER = "Azure Service Bus Data Receiver", "Azure Service Bus Data Sender"


async def check(configured: Configured) -> AsyncIterator[Finding]:
    doors = configured.doors
    if doors is None:
        yield UNREAD
        return
    if not doors.triggers & {"servicebus", "blob"}:
        yield Finding("TRIGGERS leaves the doors closed that need it")
        return
    if configured.refuses(SERVICE_BUS):
        yield UNREAD
        return
    connections = Connections(configured.env)
    try:
        async with connections.service_bus(SERVICE_BUS) as client:
            async for finding in _findings(client, doors):
                yield finding
    except HostError as error:
        yield Finding(f"{SERVICE_BUS} cannot be used", str(error))
    except (TimeoutError, OSError, exceptions.ServiceBusConnectionError) as error:
        yield Finding(
            f"the namespace of {SERVICE_BUS} does not answer",
            f"start it, or correct its address or firewall ({str(error) or type(error).__name__})",
        )
    finally:
        await connections.close()


async def _findings(client: ServiceBusClient, doors: TriggerSettings) -> AsyncIterator[Finding]:
    """Raises TimeoutError, OSError, ServiceBusConnectionError where the namespace is away."""
    if "servicebus" in doors.triggers:
        yield await _read(client, doors.input_queue)
        if "http" in doors.triggers:  # for `Prefer: respond-async`
            yield await _written(client, doors.input_queue, "INPUT_QUEUE_NAME")
    yield await _written(client, doors.output_queue, "OUTPUT_QUEUE_NAME")


async def _read(client: ServiceBusClient, queue: str) -> Finding:
    try:
        async with asyncio.timeout(DEADLINE_S), client.get_queue_receiver(queue) as receiver:
            await receiver.peek_messages(1)
            return Finding(f"queue {queue} can be read")
    except (exceptions.ServiceBusError, ClientAuthenticationError) as error:
        return _refused(queue, "INPUT_QUEUE_NAME", error, _RECEIVER)


async def _written(client: ServiceBusClient, queue: str, setting: str) -> Finding:
    """Open a link for sending, and close it."""
    try:
        async with asyncio.timeout(DEADLINE_S), client.get_queue_sender(queue):
            return Finding(f"queue {queue} can be sent to")
    except (exceptions.ServiceBusError, ClientAuthenticationError) as error:
        return _refused(queue, setting, error, _SENDER)


def _refused(queue: str, setting: str, error: AzureError, role: str) -> Finding:
    if isinstance(error, exceptions.ServiceBusConnectionError):
        raise error
    # The SDK calls a missing queue an authentication that failed.
    status = getattr(error.inner_exception, "status_code", None)
    if status == HTTPStatus.NOT_FOUND or isinstance(error, exceptions.MessagingEntityNotFoundError):
        return Finding(f"queue {queue} is not there", f"make it, or name another in {setting}")
    if isinstance(error, exceptions.MessagingEntityDisabledError):
        return Finding(f"queue {queue} is disabled", "enable it")
    if isinstance(error, ClientAuthenticationError):
        return Finding(f"queue {queue}", "no identity signs in here: `az login`")
    if isinstance(
        error, exceptions.ServiceBusAuthenticationError | exceptions.ServiceBusAuthorizationError
    ):
        return Finding(
            f"queue {queue}",
            f"refused: correct the key in {SERVICE_BUS}, or give the identity the role {role}",
        )
    return Finding(f"queue {queue}", f"mend what Service Bus says: {error.message}")
