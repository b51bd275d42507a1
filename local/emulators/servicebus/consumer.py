"""Sends a queue's messages over a receiver's link, and settles them by its outcomes."""

from __future__ import annotations

from uuid import UUID

from local.emulators.servicebus.amqp.outcomes import Accepted, Modified, Outcome, Rejected, Released
from local.emulators.servicebus.amqp.performatives import Attach, Error
from local.emulators.servicebus.amqp.sections import with_application_properties
from local.emulators.servicebus.amqp.values import Symbol, Value
from local.emulators.servicebus.broker.errors import LockLost
from local.emulators.servicebus.broker.message import DeadLetter
from local.emulators.servicebus.broker.message_queue import MessageQueue
from local.emulators.servicebus.dispatcher import Dispatcher
from local.emulators.servicebus.link import SessionPort
from local.emulators.servicebus.message_conversion import encode_delivery
from local.emulators.servicebus.outgoing_link import OutgoingLink

_SETTLED = 1

_LOST = Symbol("com.microsoft:message-lock-lost")

#: The fields of a dead-lettering that are not application properties to change.
_REASON, _DESCRIPTION = "DeadLetterReason", "DeadLetterErrorDescription"


class Consumer:
    """Locks messages, or, over a presettled link, receives and deletes them."""

    def __init__(self, session: SessionPort, attach: Attach, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._deletes = attach.snd_settle_mode == _SETTLED
        self.queue = dispatcher.queue
        self.link = OutgoingLink(session, attach, self, presettled=self._deletes)
        #: The session whose messages it receives, in a queue with sessions.
        self.session_id: str | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.queue.path} over {self.link!r}>"

    def start(self) -> None:
        """Open the link and receive."""
        self.link.open()
        self._dispatcher.add(self)

    # -- a receiver of the dispatcher ----------------------------------------------------------

    def has_credit(self) -> bool:
        return self.link.can_send()

    def take_from(self, queue: MessageQueue) -> bool:
        if self._deletes:
            message = queue.take(self.session_id)
            if message is not None:
                self.link.send(encode_delivery(message), tag=None)
            return message is not None
        delivery = queue.receive(self, self.session_id)
        if delivery is not None:
            token = delivery.token
            content = encode_delivery(delivery.message, token, delivery.locked_until_ms)
            self.link.send(content, token.bytes_le)
        return delivery is not None

    def session_lost(self) -> None:
        """Only a SessionConsumer has a session."""

    def lock_lost(self, token: UUID) -> None:
        self.link.lock_lost(token.bytes_le)

    # -- a message source of the link ----------------------------------------------------------

    def credit_given(self) -> None:
        self._dispatcher.schedule()

    def settled(self, tag: bytes, outcome: Outcome) -> Outcome:
        try:
            return settle(self.queue, UUID(bytes_le=tag), outcome)
        except LockLost as error:
            return Rejected(Error(_LOST, str(error), info={}).described())

    def closed(self) -> None:
        self._dispatcher.remove(self)


def settle(queue: MessageQueue, token: UUID, outcome: Outcome) -> Outcome:
    """Apply a receiver's outcome to the queue. Returns the outcome to echo. Raises LockLost."""
    match outcome:
        case Accepted():
            queue.complete(token)
            return outcome
        case Released():
            queue.release(token)
            return outcome
        case Modified(undeliverable_here=True):
            queue.defer(token, _edit(queue, token, outcome.message_annotations))
            return Modified(delivery_failed=None, undeliverable_here=True)
        case Modified():
            queue.abandon(token, _edit(queue, token, outcome.message_annotations))
            return Modified(delivery_failed=None, undeliverable_here=False)
        case Rejected():
            error = Error.of(outcome.error.value) if outcome.error else None
            info = dict(error.info or {}) if error else {}
            reason = DeadLetter(info.pop(_REASON, None), info.pop(_DESCRIPTION, None))
            queue.dead_letter(token, reason, _edit(queue, token, info))
            return Rejected()


def _edit(queue: MessageQueue, token: UUID, changes: dict[Value, Value] | None) -> bytes | None:
    """The locked message's content with changed application properties; None for no changes."""
    content = queue.get_locked(token).draft.content
    return with_application_properties(content, changes) if changes else None
