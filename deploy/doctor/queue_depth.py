"""How many messages wait in a queue or subscription, where the connection has the right Manage."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from azure.core.exceptions import AzureError

from deploy import connections
from deploy.doctor.findings import DEADLINE_S
from deploy.errors import Refused
from triggers.bus_entity import BusEntity


async def describe_depth(env: Mapping[str, str], connection: str, entity: BusEntity) -> str:
    """`3 messages wait, 1 is dead-lettered`; empty if the connection may not ask."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            active, dead = await asyncio.to_thread(_read, env, connection, entity)
    except (AzureError, Refused, TimeoutError, OSError, ValueError):
        return ""
    waiting = "1 message waits" if active == 1 else f"{active} messages wait"
    return f"{waiting}, {dead} {'is' if dead == 1 else 'are'} dead-lettered"


def _read(env: Mapping[str, str], connection: str, entity: BusEntity) -> tuple[int, int]:
    """The active and the dead-lettered messages. Raises AzureError and Refused."""
    with connections.service_bus_administration(env, connection) as client:
        counts = (
            client.get_subscription_runtime_properties(entity.name, entity.subscription)
            if entity.subscription
            else client.get_queue_runtime_properties(entity.name)
        )
    return counts.active_message_count or 0, counts.dead_letter_message_count or 0
