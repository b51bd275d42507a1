"""The Service Bus trigger that settles each message by itself. Imports grpcio."""

from __future__ import annotations

from collections.abc import Mapping
from typing import List  # noqa: UP035 - the platform refuses `list[…]` here

import azure.functions as func

from inference.results.result_store import ResultStore
from inference.serving.scorer import Scorer
from inference.serving.shutdown import close_with_loop
from triggers.delivery.batch_sender import BatchSender
from triggers.service_bus_trigger.message_actions import MessageActions
from triggers.service_bus_trigger.message_components import message_handler
from triggers.service_bus_trigger.message_settlement import MessageSettler
from triggers.service_bus_trigger.received_message import ReceivedMessage
from triggers.settings import TriggerSettings

#: How long retryable errors are retried before the message is held, in seconds.
RETRY_S = 5.0


def register(
    functions: func.Blueprint,
    scorer: Scorer,
    results: ResultStore,
    settings: TriggerSettings,
    env: Mapping[str, str],
) -> None:
    handler = message_handler(scorer, results, settings, env, retry_s=RETRY_S, max_wait_s=None)
    output, requeue = (BatchSender.to(env, each) for each in (settings.output, settings.input))
    close_with_loop(output.close, requeue.close)
    settler = MessageSettler(
        handler,
        results.final_attempts,
        send=output.send,
        requeue=requeue.send,
        max_delivery_count=settings.max_delivery_count,
        renews_locks=not settings.sessions_enabled,
    )
    trigger = settings.input.trigger
    if settings.sessions_enabled:

        @trigger(functions, "message", auto_complete_messages=False)
        async def score_messages(message: ReceivedMessage, actions: MessageActions) -> None:
            await settler.settle([message], actions)

    else:

        @trigger(functions, "messages", auto_complete_messages=False)
        async def score_messages(
            messages: List[ReceivedMessage],  # noqa: UP006 - as above
            actions: MessageActions,
        ) -> None:
            await settler.settle(messages, actions)
