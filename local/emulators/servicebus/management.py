"""The node `<queue>/$management`: renew, peek, schedule, and other request/response operations."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from local.emulators.servicebus import message_conversion
from local.emulators.servicebus.admin.administration import Administration
from local.emulators.servicebus.amqp.errors import NOT_ALLOWED, NOT_IMPLEMENTED, AmqpError
from local.emulators.servicebus.amqp.outcomes import Accepted, Modified, Outcome, Rejected
from local.emulators.servicebus.amqp.performatives import Error
from local.emulators.servicebus.amqp.values import Array, Symbol, Timestamp, Value
from local.emulators.servicebus.broker.errors import (
    BrokerError,
    LockLost,
    MessageNotFound,
    NotAllowed,
    SessionLockLost,
)
from local.emulators.servicebus.broker.lifecycle import Clock
from local.emulators.servicebus.broker.message import Message
from local.emulators.servicebus.broker.message_queue import MessageQueue
from local.emulators.servicebus.broker.topic import Subscription
from local.emulators.servicebus.consumer import settle
from local.emulators.servicebus.request_body import get, get_list, get_session
from local.emulators.servicebus.request_response import Reply, Request
from local.emulators.servicebus.rule_management import RuleManagement
from local.emulators.servicebus.session_management import SessionManagement

STATUS_KEYS = ("statusCode", "statusDescription", "errorCondition")

_VENDOR = "com.microsoft:"
_ARGUMENT_ERROR = f"{_VENDOR}argument-error"
_DEAD_LETTER = Symbol(f"{_VENDOR}dead-letter")

_RECEIVE_AND_DELETE = 0

#: Status and condition of each error of a queue.
_REFUSALS: dict[type[BrokerError], tuple[int, str]] = {
    LockLost: (410, f"{_VENDOR}message-lock-lost"),
    SessionLockLost: (410, f"{_VENDOR}session-lock-lost"),
    MessageNotFound: (404, f"{_VENDOR}message-not-found"),
    NotAllowed: (400, NOT_ALLOWED),
}


class ManagementNode:
    """Handles the requests for one queue or dead-letter queue."""

    def __init__(self, queue: MessageQueue, administration: Administration, now_ms: Clock) -> None:
        self._queue = queue
        self._operations: dict[str, Callable[[dict[Value, Value]], Reply]] = {
            "renew-lock": self._renew_locks,
            "peek-message": self._peek,
            "schedule-message": self._schedule,
            "cancel-scheduled-message": self._cancel,
            "receive-by-sequence-number": self._receive_deferred,
            "update-disposition": self._settle,
            **SessionManagement(queue, now_ms).operations,
        }
        if isinstance(queue, Subscription):
            self._operations |= RuleManagement(administration, queue.path).operations

    def __repr__(self) -> str:
        return f"<ManagementNode of {self._queue.path}>"

    def handle(self, request: Request) -> Reply:
        operation = self._operations.get(request.operation.removeprefix(_VENDOR))
        if operation is None:
            return Reply(
                501,
                f"This emulator has no operation {request.operation!r}.",
                condition=NOT_IMPLEMENTED,
            )
        if not isinstance(request.body, dict):
            return Reply(400, "Expected a map as the body.", condition=_ARGUMENT_ERROR)
        try:
            return operation(request.body)
        except BrokerError as error:
            status, condition = _REFUSALS[type(error)]
            return Reply(status, str(error), condition=condition)
        except AmqpError as error:
            return Reply(400, error.description, condition=_ARGUMENT_ERROR)

    def _renew_locks(self, body: dict[Value, Value]) -> Reply:
        tokens = get_list(body, "lock-tokens", UUID)
        # Checked first, so that all are renewed or none: the SDK applies the reply to every token.
        for token in tokens:
            self._queue.get_locked(token)
        return Reply(
            200,
            body={"expirations": Array(Timestamp(self._queue.renew(token)) for token in tokens)},
        )

    def _peek(self, body: dict[Value, Value]) -> Reply:
        first = get(body, "from-sequence-number", int)
        messages = self._queue.peek(first, get(body, "message-count", int), get_session(body))
        if not messages:
            return Reply(204, "No messages", condition=f"{_VENDOR}message-not-found")
        return Reply(200, body={"messages": [_entry(message) for message in messages]})

    def _schedule(self, body: dict[Value, Value]) -> Reply:
        if self._queue.dead_letters is None:
            raise AmqpError(NOT_ALLOWED, "Nothing can be sent to a dead-letter queue.")
        entries = get_list(body, "messages", dict)
        drafts = [
            message_conversion.read_message(get(entry, "message", bytes)) for entry in entries
        ]
        return Reply(200, body={"sequence-numbers": Array(self._queue.send_all(drafts))})

    def _cancel(self, body: dict[Value, Value]) -> Reply:
        self._queue.cancel_scheduled(get_list(body, "sequence-numbers", int))
        return Reply(200)

    def _receive_deferred(self, body: dict[Value, Value]) -> Reply:
        sequences, session_id = get_list(body, "sequence-numbers", int), get_session(body)
        if get(body, "receiver-settle-mode", int) == _RECEIVE_AND_DELETE:
            entries = [
                _entry(message) for message in self._queue.take_deferred(sequences, session_id)
            ]
        else:
            entries = [
                {
                    "message": message_conversion.encode_delivery(
                        each.message, each.token, each.locked_until_ms
                    ),
                    "lock-token": each.token,
                }
                for each in self._queue.receive_deferred(sequences, session_id)
            ]
        return Reply(200, body={"messages": entries})

    def _settle(self, body: dict[Value, Value]) -> Reply:
        outcome = _outcome(body)
        tokens = get_list(body, "lock-tokens", UUID)
        for token in tokens:
            self._queue.get_locked(token)
        for token in tokens:
            settle(self._queue, token, outcome)
        return Reply(200)


def _outcome(body: dict[Value, Value]) -> Outcome:
    """The outcome that a receiver would have sent over its link."""
    changes: dict[Value, Value] = body.get("properties-to-modify") or {}
    match get(body, "disposition-status", str):
        case "completed":
            return Accepted()
        case "abandoned":
            return Modified(message_annotations=changes)
        case "defered":
            return Modified(undeliverable_here=True, message_annotations=changes)
        case "suspended":
            reason = {
                "DeadLetterReason": body.get("deadletter-reason"),
                "DeadLetterErrorDescription": body.get("deadletter-description"),
            }
            return Rejected(Error(_DEAD_LETTER, info={**changes, **reason}).described())
        case other:
            raise AmqpError(NOT_IMPLEMENTED, f"Unknown disposition-status {other!r}.")


def _entry(message: Message) -> dict[str, Value]:
    return {"message": message_conversion.encode_delivery(message)}
