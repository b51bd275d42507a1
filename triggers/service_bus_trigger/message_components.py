"""Puts the parts together that score messages, and makes the container of claims."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from inference.errors import ScoringError
from inference.results.result_store import ResultStore
from inference.serving.scorer import Scorer
from inference.serving.shutdown import run_with_loop
from triggers.delivery.result_blobs import ResultBlobs
from triggers.service_bus_trigger import message_scoring
from triggers.service_bus_trigger.claim_reader import ClaimReader
from triggers.service_bus_trigger.message_scoring import MessageHandler
from triggers.settings import TriggerSettings
from triggers.storage.lazy_container import LazyContainer

log = logging.getLogger(__name__)

#: Seconds from the start of a process until it makes the container. The model loads first.
FIRST_S = 3.0


def message_handler(
    scorer: Scorer,
    results: ResultStore,
    settings: TriggerSettings,
    env: Mapping[str, str],
    *,
    retry_s: float = message_scoring.RETRY_S,
    max_wait_s: float | None = message_scoring.RETRY_S,
    send: Callable[[str, str], Awaitable[object]] | None = None,
) -> MessageHandler:
    """`env` holds the settings of the storage account, which are read when it is first used."""
    claims = LazyContainer(env, settings.claim_container)
    run_with_loop(create_container(claims))
    return MessageHandler(
        scorer,
        results,
        max_delivery_count=settings.max_delivery_count,
        retry_s=retry_s,
        max_wait_s=max_wait_s,
        keeps_order=settings.sessions_enabled,
        send=send,
        result_blobs=ResultBlobs.connected(env, settings.output_container),
        claims=ClaimReader(claims, scorer),
        queue=settings.input,
    )


async def create_container(claims: LazyContainer) -> None:
    """Make the container that senders upload to, unless it exists or the app has no account."""
    await asyncio.sleep(FIRST_S)
    if not claims.is_configured:
        return
    try:
        await claims.create()
    except ScoringError as error:  # where it exists, messages are scored all the same
        log.warning("the container %s could not be created: %s", claims.name, error)
