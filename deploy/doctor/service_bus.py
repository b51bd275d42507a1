"""Service Bus: the queues and topics exist, and the app may read or write them.

The check sends and receives nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.servicebus import exceptions
from azure.servicebus.aio import ServiceBusClient

from deploy import connections
from deploy.app_settings import HOST_STORAGE, AppSettings
from deploy.doctor.findings import DEADLINE_S, LOCAL, NOT_CHECKED, Finding
from deploy.doctor.queue_depth import describe_depth
from deploy.errors import Refused
from triggers.bus_entity import BusEntity
from triggers.settings import SERVICE_BUS, STORAGE, TriggerSettings

#: The id of a session that no message has.
PROBE = "triscore-doctor"

#: How the broker names the difference. Its texts name entities too, perhaps `customer-sessions`.
_SESSION_PHRASES = ("requires sessions", "require sessions", "sessionful")

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
        yield await _receive(app, client, settings.input)
        if "http" in settings.triggers:  # for `Prefer: respond-async`
            yield await _send(client, replace(settings.input, subscription=""), "INPUT")
    yield await _send(client, settings.output, "OUTPUT")


async def _receive(app: AppSettings, client: ServiceBusClient, entity: BusEntity) -> Finding:
    """Look whether the broker lets the app receive; no message is locked for long."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            # A session is locked as long as it is read. One that no message has locks nothing.
            session: dict[str, Any] = {"session_id": PROBE} if entity.has_sessions else {}
            async with entity.receiver(client, **session) as receiver:
                await receiver.peek_messages(1)
        depth = await describe_depth(app.env, SERVICE_BUS, entity)
        return Finding(f"{entity} can be read" + (f": {depth}" if depth else ""))
    except (exceptions.ServiceBusError, ClientAuthenticationError) as error:
        return _access_finding(entity, "INPUT", error, _RECEIVER)


def _refuse_session(entity: BusEntity, error: AzureError) -> Finding | None:
    """If the entity requires sessions and the app has none, or the other way round."""
    if not any(phrase in str(error).lower() for phrase in _SESSION_PHRASES):
        return None
    if entity.has_sessions:
        fix = "make it with RequiresSession, or set IS_SESSIONS_ENABLED=false"
        return Finding(f"{entity} has no sessions", fix)
    return Finding(f"{entity} requires sessions", "set IS_SESSIONS_ENABLED=true")


async def _send(client: ServiceBusClient, entity: BusEntity, which: str) -> Finding:
    """Open a link for sending, and close it."""
    try:
        async with asyncio.timeout(DEADLINE_S), entity.sender(client):
            return Finding(f"{entity} can be sent to")
    except (exceptions.ServiceBusError, ClientAuthenticationError) as error:
        return _access_finding(entity, which, error, _SENDER)


def _access_finding(queue: BusEntity, which: str, error: AzureError, role: str) -> Finding:
    if isinstance(error, exceptions.ServiceBusConnectionError):
        raise error
    # The SDK reports a missing queue as a failed authentication.
    status = getattr(error.inner_exception, "status_code", None)
    if status == HTTPStatus.NOT_FOUND or isinstance(error, exceptions.MessagingEntityNotFoundError):
        setting = f"{which}_{'TOPIC' if queue.is_topic else 'QUEUE'}_NAME"
        return Finding(f"{queue} does not exist", f"create it, or name another in {setting}")
    if isinstance(error, exceptions.MessagingEntityDisabledError):
        return Finding(f"{queue} is disabled", "enable it")
    if isinstance(error, ClientAuthenticationError):
        return Finding(f"{queue} needs an identity, and none is signed in", "run `az login`")
    if isinstance(
        error, exceptions.ServiceBusAuthenticationError | exceptions.ServiceBusAuthorizationError
    ):
        return Finding(
            f"{queue} denies access",
            f"correct the key in {SERVICE_BUS}, or give the identity the role {role}",
        )
    return _refuse_session(queue, error) or Finding(
        f"{queue} cannot be used", f"Service Bus says: {error.message}"
    )
