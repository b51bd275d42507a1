"""One queue: what senders and receivers do with its messages.

A message is scheduled, ready, locked or deferred. When a lock ends, the message is ready or
deferred again, is dead-lettered, or leaves the queue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import count
from uuid import UUID

from local.emulators.servicebus.broker.availability import LockHolder
from local.emulators.servicebus.broker.errors import NotAllowed
from local.emulators.servicebus.broker.journal import Journal, Saved
from local.emulators.servicebus.broker.lifecycle import Clock, Lifecycle
from local.emulators.servicebus.broker.message import DeadLetter, Delivery, Draft, Message, State
from local.emulators.servicebus.broker.session_states import SessionStates
from local.emulators.servicebus.broker.sessions import SessionHolder
from local.emulators.servicebus.broker.settings import QueueSettings

DEAD_LETTERS = "/$DeadLetterQueue"
TRANSFER_DEAD_LETTERS = "/$Transfer/$DeadLetterQueue"


class MessageQueue(Lifecycle):
    """A queue or subscription, or a dead-letter queue."""

    def __init__(
        self, settings: QueueSettings, journal: Journal, now_ms: Clock, *, sub_queue: str = ""
    ) -> None:
        dead, transfer = (
            (None, None)
            if sub_queue
            else (
                MessageQueue(settings, journal, now_ms, sub_queue=name)
                for name in (DEAD_LETTERS, TRANSFER_DEAD_LETTERS)
            )
        )
        super().__init__(settings, journal, now_ms, dead, transfer)
        self._sub_queue = sub_queue
        self.session_states = SessionStates(settings.name, journal)
        self._sequences = count(1)

    @property
    def path(self) -> str:
        return self.settings.name + self._sub_queue

    @property
    def sub_queues(self) -> list[MessageQueue]:
        found = (self.dead_letters, self.transfer_dead_letters)
        return [each for each in found if each is not None]

    def counts(self) -> dict[State, int]:
        """How many messages are in each state."""
        found = Counter(message.state for message in self._messages)
        return {state: found[state] for state in State}

    # -- sending -------------------------------------------------------------------------------

    def restore(self, saved: Saved) -> None:
        """Load the stored state. Locked messages are ready again, without a failed delivery.

        The broker ended, not their receivers.
        """
        self._sequences = count(saved.last_sequence + 1)
        for message in saved.messages:
            self._sub_queue_for(message.dead).insert(message)
        for message_id, sequence, until_ms in saved.seen:
            self._duplicates.restore(message_id, sequence, until_ms)
        self.session_states.restore(saved.sessions)

    def send_all(self, drafts: list[Draft]) -> list[int]:
        """All or none. Returns the sequence numbers. Raises NotAllowed."""
        self.check(drafts)
        return [self.send(draft) for draft in drafts]

    def check(self, drafts: list[Draft]) -> None:
        """Raises NotAllowed if the queue does not take one of the messages."""
        if self.sessions is not None and any(draft.session_id is None for draft in drafts):
            raise NotAllowed(
                "The SessionId was not set on a message, and it cannot be sent to the entity. "
                "Entities that have session support enabled can only receive messages that have "
                "the SessionId set to a valid value."
            )

    def send(self, draft: Draft) -> int:
        """Returns the sequence number: the first message's, if this one is a duplicate."""
        if self.settings.duplicate_window_ms is not None:
            first = self._duplicates.find_sequence(draft.message_id)
            if first is not None:
                return first
        now_ms = self._now_ms()
        message = self._message(draft, now_ms)
        self._remember(draft, message.sequence, now_ms)
        if self.forward is not None and message.state is State.ACTIVE:
            self._journal.use_sequence(self.settings.name, message.sequence)
            self.forward(message)
        else:
            self._journal.insert(self.settings.name, message)
            self.insert(message)
        return message.sequence

    def send_dead(self, draft: Draft, reason: DeadLetter) -> None:
        """Dead-letter a message that never was in the queue."""
        message = self._message(replace(draft, scheduled_ms=None), self._now_ms())
        message.dead, message.expires_ms = reason, None
        self._journal.insert(self.settings.name, message)
        self._sub_queue_for(reason).insert(message)

    def cancel_scheduled(self, sequences: Iterable[int]) -> None:
        """All or none. Raises MessageNotFound."""
        for message in self._messages.require_state(sequences, State.SCHEDULED):
            self._remove(message)

    # -- receiving -----------------------------------------------------------------------------

    def accept_session(self, session_id: str | None, holder: SessionHolder) -> str | None:
        """Lock a session; None locks the next one with ready messages.

        Returns the session's id, or None if no session is available. Raises SessionCannotBeLocked.
        """
        assert self.sessions is not None  # noqa: S101 - checked by callers
        accepted = self.sessions.accept(session_id, holder, self._now_ms())
        if accepted is not None:
            self._changed()
        return accepted

    def renew_session(self, session_id: str) -> int:
        """Returns the new expiry of the session's lock. Raises SessionLockLost."""
        assert self.sessions is not None  # noqa: S101 - checked by callers
        until_ms = self.sessions.renew_session(session_id, self._now_ms())
        self._changed()
        return until_ms

    def close_session(self, session_id: str, holder: SessionHolder) -> None:
        """Its locked messages are ready again, without a failed delivery."""
        assert self.sessions is not None  # noqa: S101 - checked by callers
        for message in self.sessions.close(session_id, holder):
            self._make_available(message)
        self._changed()

    def receive(self, holder: LockHolder | None, session_id: str | None = None) -> Delivery | None:
        """Lock the first ready message, of a session if the queue has them; None: there is none."""
        message = self._next_ready(session_id)
        return self._lock(message, holder, session_id) if message else None

    def take(self, session_id: str | None = None) -> Message | None:
        """Receive and delete the first ready message; None if there is none."""
        message = self._next_ready(session_id)
        if message:
            self._remove(message)
        return message

    def receive_deferred(
        self, sequences: Iterable[int], session_id: str | None = None
    ) -> list[Delivery]:
        """All or none. Raises MessageNotFound, and SessionLockLost in a queue with sessions."""
        found = self._messages.require_state(sequences, State.DEFERRED, session_id)
        return [self._lock(message, None, session_id) for message in found]

    def take_deferred(
        self, sequences: Iterable[int], session_id: str | None = None
    ) -> list[Message]:
        """Receive and delete, all or none. Raises MessageNotFound."""
        found = self._messages.require_state(sequences, State.DEFERRED, session_id)
        for message in found:
            self._remove(message)
        return found

    def peek(self, first: int, limit: int, session_id: str | None = None) -> list[Message]:
        """Up to `limit` messages from sequence number `first` on, in any state."""
        return self._messages.peek(first, limit, session_id, self._now_ms())

    # -- settling ------------------------------------------------------------------------------

    def complete(self, token: UUID) -> None:
        """Raises LockLost, like all methods that settle."""
        self._remove(self._available.release(token))

    def abandon(self, token: UUID, content: bytes | None = None) -> None:
        """`content`, here and below, replaces the message's content."""
        self._failed(self._release(token, content))

    def release(self, token: UUID) -> None:
        """Return a message that was not processed: it does not count as a failed delivery."""
        self._make_available(self._available.release(token))

    def defer(self, token: UUID, content: bytes | None = None) -> None:
        message = self._release(token, content)
        message.state = State.DEFERRED
        self._messages.stop_expiry(message)
        self._journal.update(self.settings.name, message)
        self._changed()

    def dead_letter(self, token: UUID, reason: DeadLetter, content: bytes | None = None) -> None:
        """In a dead-letter queue itself, the same as `abandon`."""
        message = self._release(token, content)
        if self.dead_letters is None:
            self._failed(message)
        else:
            self._move_to_dead_letters(message, reason)

    def renew(self, token: UUID) -> int:
        """Returns the lock's new expiry."""
        until_ms = self._available.renew(token, self._now_ms())
        self._changed()
        return until_ms

    def get_locked(self, token: UUID) -> Message:
        """The locked message. Raises LockLost."""
        return self._available.check(token)

    # -- internal ------------------------------------------------------------------------------

    def _sub_queue_for(self, dead: DeadLetter | None) -> MessageQueue:
        if dead is None:
            return self
        queue = self.transfer_dead_letters if dead.in_transfer else self.dead_letters
        assert queue is not None  # noqa: S101 - dead-letter queues are not restored themselves
        return queue

    def _message(self, draft: Draft, now_ms: int) -> Message:
        ttl_ms = self.settings.limit_ttl_ms(draft.ttl_ms)
        if ttl_ms != draft.ttl_ms:
            draft = replace(draft, ttl_ms=ttl_ms)
        message = Message(next(self._sequences), draft, now_ms, None, session_id=draft.session_id)
        if draft.scheduled_ms is not None and draft.scheduled_ms > now_ms:
            message.state = State.SCHEDULED
        if ttl_ms is not None:
            # The time to live starts when the message can be received.
            message.expires_ms = (draft.scheduled_ms or now_ms) + ttl_ms
        return message

    def _next_ready(self, session_id: str | None) -> Message | None:
        while (sequence := self._available.pop(session_id)) is not None:
            message = self._messages[sequence]
            if not message.is_expired(self._now_ms()):
                return message
            self._expire(message)
        return None

    def _lock(
        self, message: Message, holder: LockHolder | None, session_id: str | None
    ) -> Delivery:
        delivery = self._available.take(message, holder, self._now_ms(), session_id)
        self._changed()
        return delivery

    def _release(self, token: UUID, content: bytes | None) -> Message:
        message = self._available.release(token)
        if content is not None:
            message.set_content(content)
            self._journal.update_content(self.settings.name, message)
        return message

    def _remember(self, draft: Draft, sequence: int, now_ms: int) -> None:
        if self.settings.duplicate_window_ms is not None:
            until_ms = self._duplicates.remember(draft.message_id, sequence, now_ms)
            self._journal.remember(self.settings.name, draft.message_id, sequence, until_ms)
