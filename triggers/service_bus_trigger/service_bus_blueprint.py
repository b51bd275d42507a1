"""The Service Bus trigger: batches of messages in, one result document a message out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import List  # noqa: UP035 - the platform refuses `list[…]` here

import azure.functions as func

from inference.errors import SettingError
from inference.results.result_store import ResultStore
from inference.serving.scorer import Scorer
from inference.serving.shutdown import close_with_loop, run_with_loop
from triggers.delivery.batch_sender import BatchSender
from triggers.delivery.output_queue import Outgoing
from triggers.service_bus_trigger.exhausted_messages import ExhaustedMessages
from triggers.service_bus_trigger.message_components import message_handler
from triggers.service_bus_trigger.message_converter import MessageConverter  # noqa: F401 - registers
from triggers.service_bus_trigger.message_scoring import MessageHandler
from triggers.service_bus_trigger.received_message import ReceivedMessage
from triggers.service_bus_trigger.result_messages import late_message, result_message
from triggers.settings import TriggerSettings


def blueprint(
    scorer: Scorer, results: ResultStore, settings: TriggerSettings, env: Mapping[str, str]
) -> func.Blueprint:
    """`env` holds the connection's settings, for documents that no call can carry."""
    functions = func.Blueprint()
    sender = BatchSender.to(env, settings.output)
    close_with_loop(sender.close)

    async def send(document: str, message_id: str) -> None:
        await sender.send(late_message(document, message_id))

    exhausted = ExhaustedMessages(results.final_attempts, send)
    run_with_loop(exhausted.poll_forever())
    if settings.message_settlement == "message":
        _register_settling(functions, scorer, results, settings, env)
        return functions
    handler = message_handler(scorer, results, settings, env, send=send)
    if settings.sessions_enabled:
        _register_sessions(functions, handler, settings, env)
        return functions

    @settings.input.trigger(functions, "messages")
    @settings.output.output(functions, "documents")
    @settings.input.output(functions, "requeued")
    async def score_messages(
        messages: List[ReceivedMessage],  # noqa: UP006 - as above
        documents: func.Out[str],
        requeued: func.Out[str],
    ) -> None:
        sent = await handler.score(messages)
        for queue, bodies in ((documents, sent.documents), (requeued, sent.requeued)):
            _set(queue, bodies)

    return functions


def _register_sessions(
    functions: func.Blueprint,
    handler: MessageHandler,
    settings: TriggerSettings,
    env: Mapping[str, str],
) -> None:
    """Results are sent with the SDK: an output binding can't give a message a session id."""
    output, requeue = (BatchSender.to(env, each) for each in (settings.output, settings.input))
    close_with_loop(output.close, requeue.close)

    @settings.input.trigger(functions, "message")
    async def score_messages(message: ReceivedMessage) -> None:
        sent = await handler.score([message])
        for body in sent.requeued:
            await requeue.send(Outgoing(body, session_id=message.session_id))
        for document in sent.documents:
            await output.send(result_message(document, message, message.message_id))


def _set(queue: func.Out[str], bodies: Sequence[str]) -> None:
    """The platform sends each element of a JSON array as one message."""
    if bodies:
        queue.set(f"[{','.join(bodies)}]")


def _register_settling(
    functions: func.Blueprint,
    scorer: Scorer,
    results: ResultStore,
    settings: TriggerSettings,
    env: Mapping[str, str],
) -> None:
    """Raises SettingError if grpcio is not installed."""
    try:
        from triggers.service_bus_trigger import settling_blueprint  # noqa: PLC0415 - grpcio
    except ImportError as error:
        raise SettingError(
            name="MESSAGE_SETTLEMENT",
            value="message",
            expected="the package grpcio in requirements.txt, or batch",
        ) from error
    settling_blueprint.register(functions, scorer, results, settings, env)
