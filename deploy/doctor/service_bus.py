"""Service Bus: the queues exist, and the app may read or write them.

The check sends and receives nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus

from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.servicebus import exceptions
from azure.servicebus.aio import ServiceBusClient

from deploy import connections
from deploy.app_settings import HOST_STORAGE, AppSettings
from deploy.doctor.findings import DEADLINE_S, LOCAL, NOT_CHECKED, Finding
from deploy.doctor.queue_depth import describe_depth
from deploy.errors import Refused
from triggers.settings import SERVICE_BUS, STORAGE, TriggerSettings

_RECEIVER, _SENDER = "Azure Service Bus Data Receiver", "Azure Service Bus Data Sender"


async def check(app: AppSettings) -> AsyncIterator[Finding]:
    settings = app.triggers
    if settings is None:
        yield NOT_CHECKED
        return
    if not settings.triggers & {"servicebus", "blob"}:
        yield Finding("TRIGGERS leaves out the triggers that need it")
        return
    if connections.uses_emulators(app.env, STORAGE, HOST_STORAGE, SERVICE_BUS):
        yield LOCAL
        return
    if app.refuses(SERVICE_BUS):
        yield NOT_CHECKED
        return
    try:
        async with connections.service_bus(app.env, SERVICE_BUS) as client:
            async for finding in _findings(app, client, settings):
                yield finding
    except Refused as error:
        yield Finding(f"{SERVICE_BUS} cannot be used", str(error))
    except (TimeoutError, OSError, exceptions.ServiceBusConnectionError) as error:
        yield Finding(
            f"the namespace of {SERVICE_BUS} does not answer",
            f"start it, or correct its address or firewall ({str(error) or type(error).__name__})",
        )


async def _findings(
    app: AppSettings, client: ServiceBusClient, settings: TriggerSettings
) -> AsyncIterator[Finding]:
    """Raises TimeoutError, OSError, ServiceBusConnectionError for a namespace without an answer."""
    if "servicebus" in settings.triggers:
        yield await _receive(app, client, settings.input_queue)
        if "http" in settings.triggers:  # for `Prefer: respond-async`
            yield await _send(client, settings.input_queue, "INPUT_QUEUE_NAME")
    yield await _send(client, settings.output_queue, "OUTPUT_QUEUE_NAME")


async def _receive(app: AppSettings, client: ServiceBusClient, queue: str) -> Finding:
    """Peek at one message, which locks none."""
    try:
        async with asyncio.timeout(DEADLINE_S), client.get_queue_receiver(queue) as receiver:
            await receiver.peek_messages(1)
            depth = await describe_depth(app.env, SERVICE_BUS, queue)
            return Finding(f"queue {queue} can be read" + (f": {depth}" if depth else ""))
    except (exceptions.ServiceBusError, ClientAuthenticationError) as error:
        return _refused(queue, "INPUT_QUEUE_NAME", error, _RECEIVER)


async def _send(client: ServiceBusClient, queue: str, setting: str) -> Finding:
    """Open a link for sending, and close it."""
    try:
        async with asyncio.timeout(DEADLINE_S), client.get_queue_sender(queue):
            return Finding(f"queue {queue} can be sent to")
    except (exceptions.ServiceBusError, ClientAuthenticationError) as error:
        return _refused(queue, setting, error, _SENDER)


def _refused(queue: str, setting: str, error: AzureError, role: str) -> Finding:
    if isinstance(error, exceptions.ServiceBusConnectionError):
        raise error
    # The SDK reports a missing queue as a failed authentication.
    status = getattr(error.inner_exception, "status_code", None)
    if status == HTTPStatus.NOT_FOUND or isinstance(error, exceptions.MessagingEntityNotFoundError):
        return Finding(f"queue {queue} does not exist", f"create it, or name another in {setting}")
    if isinstance(error, exceptions.MessagingEntityDisabledError):
        return Finding(f"queue {queue} is disabled", "enable it")
    if isinstance(error, ClientAuthenticationError):
        return Finding(f"queue {queue} needs an identity, and none is signed in", "run `az login`")
    if isinstance(
        error, exceptions.ServiceBusAuthenticationError | exceptions.ServiceBusAuthorizationError
    ):
        return Finding(
            f"queue {queue} denies access",
            f"correct the key in {SERVICE_BUS}, or give the identity the role {role}",
        )
    return Finding(f"queue {queue} cannot be used", f"Service Bus says: {error.message}")
