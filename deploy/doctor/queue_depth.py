"""How many messages wait in a queue, where the connection may ask: that needs the right Manage."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from azure.core.exceptions import AzureError

from deploy import connections
from deploy.doctor.findings import DEADLINE_S
from deploy.errors import Refused


async def describe_depth(env: Mapping[str, str], connection: str, queue: str) -> str:
    """`3 messages wait, 1 is dead-lettered`; empty if the connection may not ask."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            active, dead = await asyncio.to_thread(_read, env, connection, queue)
    except (AzureError, Refused, TimeoutError, OSError, ValueError):
        return ""
    waiting = "1 message waits" if active == 1 else f"{active} messages wait"
    return f"{waiting}, {dead} {'is' if dead == 1 else 'are'} dead-lettered"


def _read(env: Mapping[str, str], connection: str, queue: str) -> tuple[int, int]:
    """The active and the dead-lettered messages. Raises AzureError and Refused."""
    with connections.service_bus_administration(env, connection) as client:
        counts = client.get_queue_runtime_properties(queue)
    return counts.active_message_count or 0, counts.dead_letter_message_count or 0
