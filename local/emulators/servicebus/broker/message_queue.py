"""One queue and the state changes of its messages.

A message is scheduled, ready, locked or deferred. When a lock ends, the message is ready or
deferred again, is dead-lettered, or leaves the queue. There are no timers here: `advance` applies
all changes that are due by the clock.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from itertools import count
from uuid import UUID

from local.emulators.servicebus.broker.duplicates import Duplicates
from local.emulators.servicebus.broker.errors import MessageNotFound
from local.emulators.servicebus.broker.journal import Journal, Saved
from local.emulators.servicebus.broker.locks import LockHolder, Locks
from local.emulators.servicebus.broker.message import DeadLetter, Delivery, Draft, Message, State
from local.emulators.servicebus.broker.sequence_heap import SequenceHeap
from local.emulators.servicebus.broker.settings import QueueSettings

type Clock = Callable[[], int]


class MessageQueue:
    """A queue and, as `dead_letters`, its dead-letter queue, which has none of its own."""

    def __init__(
        self, settings: QueueSettings, journal: Journal, now_ms: Clock, *, dead: bool = False
    ) -> None:
        self.settings = settings
        self.dead_letters = None if dead else MessageQueue(settings, journal, now_ms, dead=True)
        #: Called when a message may be ready or the next deadline may have changed.
        self.on_change: Callable[[MessageQueue], None] = lambda _: None
        self._journal = journal
        self._now_ms = now_ms
        self._messages: dict[int, Message] = {}
        self._ready = SequenceHeap()
        self._expiring = SequenceHeap()
        self._scheduled = SequenceHeap()
        self._locks = Locks(settings.lock_duration_ms)
        self._duplicates = Duplicates(settings.duplicate_window_ms or 0)
        self._sequences = count(1)

    def __repr__(self) -> str:
        return (
            f"<MessageQueue {self.path}: {len(self._messages)} messages, "
            f"{len(self._ready)} ready, {len(self._locks)} locked>"
        )

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def path(self) -> str:
        name = self.settings.name
        return f"{name}/$DeadLetterQueue" if self.dead_letters is None else name

    @property
    def has_ready(self) -> bool:
        return len(self._ready) > 0

    @property
    def locks_held(self) -> int:
        return len(self._locks)

    # -- sending -------------------------------------------------------------------------------

    def restore(self, saved: Saved) -> None:
        """Load the stored state. Locked messages are ready again, without a failed delivery.

        The broker ended, not their receivers.
        """
        self._sequences = count(saved.last_sequence + 1)
        for message in saved.messages:
            queue = self if message.dead is None else self.dead_letters
            assert queue is not None  # noqa: S101 - a dead-letter queue is not restored itself
            queue._insert(message)  # noqa: SLF001 - the same class
        for message_id, sequence, until_ms in saved.seen:
            self._duplicates.restore(message_id, sequence, until_ms)

    def send(self, draft: Draft) -> int:
        """Returns the sequence number: the first message's, if this one is a duplicate."""
        if self.settings.duplicate_window_ms is not None:
            first = self._duplicates.find_sequence(draft.message_id)
            if first is not None:
                return first
        now_ms = self._now_ms()
        message = Message(next(self._sequences), draft, now_ms, None)
        if draft.scheduled_ms is not None and draft.scheduled_ms > now_ms:
            message.state = State.SCHEDULED
        ttl_ms = self.settings.limit_ttl_ms(draft.ttl_ms)
        if ttl_ms is not None:
            # The time to live starts when the message can be received.
            message.expires_ms = (draft.scheduled_ms or now_ms) + ttl_ms
        self._journal.insert(self.settings.name, message)
        self._remember(message, now_ms)
        self._insert(message)
        return message.sequence

    def cancel_scheduled(self, sequences: Iterable[int]) -> None:
        """All or none. Raises MessageNotFound."""
        for sequence in self._require_state(sequences, State.SCHEDULED):
            self._remove(sequence)

    # -- receiving -----------------------------------------------------------------------------

    def receive(self, holder: LockHolder | None) -> Delivery | None:
        """Lock the first ready message; None if there is none."""
        message = self._next_ready()
        return self._lock(message, holder) if message else None

    def take(self) -> Message | None:
        """Receive and delete the first ready message; None if there is none."""
        message = self._next_ready()
        if message:
            self._remove(message.sequence)
        return message

    def receive_deferred(self, sequences: Iterable[int]) -> list[Delivery]:
        """All or none. Raises MessageNotFound."""
        found = self._require_state(sequences, State.DEFERRED)
        return [self._lock(self._messages[sequence], None) for sequence in found]

    def take_deferred(self, sequences: Iterable[int]) -> list[Message]:
        """Receive and delete, all or none. Raises MessageNotFound."""
        return [
            self._remove(sequence) for sequence in self._require_state(sequences, State.DEFERRED)
        ]

    def peek(self, first: int, limit: int) -> list[Message]:
        """Up to `limit` messages from sequence number `first` on, in any state."""
        now_ms = self._now_ms()
        from_first = (
            sequence
            for sequence, message in self._messages.items()
            if sequence >= first and not message.is_expired(now_ms)
        )
        return [self._messages[sequence] for sequence in heapq.nsmallest(limit, from_first)]

    # -- settling ------------------------------------------------------------------------------

    def complete(self, token: UUID) -> None:
        """Raises LockLost, like all methods that settle."""
        self._remove(self._locks.release(token).sequence)

    def abandon(self, token: UUID, content: bytes | None = None) -> None:
        """`content`, here and below, replaces the message's content."""
        self._failed(self._locks.release(token).with_content(content))

    def release(self, token: UUID) -> None:
        """Return a message that was not processed: it does not count as a failed delivery."""
        self._make_available(self._locks.release(token))

    def defer(self, token: UUID, content: bytes | None = None) -> None:
        message = self._locks.release(token).with_content(content)
        message.state = State.DEFERRED
        self._expiring.discard(message.sequence)
        self._journal.update(self.settings.name, message)
        self._changed()

    def dead_letter(self, token: UUID, reason: DeadLetter, content: bytes | None = None) -> None:
        """In a dead-letter queue itself, the same as `abandon`."""
        message = self._locks.release(token).with_content(content)
        if self.dead_letters is None:
            self._failed(message)
        else:
            self._move_to_dead_letters(message, reason)

    def renew(self, token: UUID) -> int:
        """Returns the lock's new expiry."""
        until_ms = self._locks.renew(token, self._now_ms())
        self._changed()
        return until_ms

    def get_locked(self, token: UUID) -> Message:
        """The locked message. Raises LockLost."""
        return self._locks.check(token)

    # -- time ----------------------------------------------------------------------------------

    def next_deadline_ms(self) -> int | None:
        """When `advance` must be called next; None if nothing is pending."""
        deadlines = (
            self._locks.next_deadline_ms(),
            self._expiring.first_key(),
            self._scheduled.first_key(),
            self._duplicates.next_deadline_ms(),
        )
        return min((each for each in deadlines if each is not None), default=None)

    def advance(self) -> None:
        """Apply what is due: locks expire, scheduled messages become ready, others expire."""
        now_ms = self._now_ms()
        for message in self._locks.expire(now_ms):
            self._failed(message)
        for sequence in self._scheduled.pop_due(now_ms):
            self._activate(self._messages[sequence])
        for sequence in self._expiring.pop_due(now_ms):
            message = self._messages[sequence]
            # A locked message may still be settled; it expires when its lock ends.
            if message not in self._locks:
                self._expire(message)
        if self._duplicates.forget(now_ms):
            self._journal.forget(self.settings.name, now_ms)

    # -- internal ------------------------------------------------------------------------------

    def _insert(self, message: Message) -> None:
        self._messages[message.sequence] = message
        if message.state is State.SCHEDULED:
            assert message.draft.scheduled_ms is not None  # noqa: S101 - what SCHEDULED means
            self._scheduled.put(message.sequence, message.draft.scheduled_ms)
            self._changed()
        elif message.state is State.ACTIVE:
            self._make_available(message)

    def _activate(self, message: Message) -> None:
        message.state = State.ACTIVE
        message.enqueued_ms = self._now_ms()
        self._journal.update(self.settings.name, message)
        self._make_available(message)

    def _make_available(self, message: Message) -> None:
        if message.is_expired(self._now_ms()):
            self._expire(message)
            return
        if message.state is State.ACTIVE:
            self._ready.put(message.sequence, message.sequence)
            if message.expires_ms is not None:
                self._expiring.put(message.sequence, message.expires_ms)
        self._changed()

    def _next_ready(self) -> Message | None:
        while (sequence := self._ready.pop()) is not None:
            message = self._messages[sequence]
            if not message.is_expired(self._now_ms()):
                return message
            self._expire(message)
        return None

    def _lock(self, message: Message, holder: LockHolder | None) -> Delivery:
        delivery = self._locks.take(message, holder, self._now_ms())
        self._changed()
        return delivery

    def _failed(self, message: Message) -> None:
        message.delivery_count += 1
        limit = self.settings.max_delivery_count
        if self.dead_letters is not None and message.delivery_count >= limit:
            self._move_to_dead_letters(message, DeadLetter.max_deliveries(limit))
            return
        self._journal.update(self.settings.name, message)
        self._make_available(message)

    def _expire(self, message: Message) -> None:
        if self.settings.dead_letters_expired:
            self._move_to_dead_letters(message, DeadLetter.expired())
        else:
            self._remove(message.sequence)

    def _move_to_dead_letters(self, message: Message, reason: DeadLetter) -> None:
        """Its sequence number stays the same. Nothing expires in a dead-letter queue."""
        assert self.dead_letters is not None  # noqa: S101 - checked by callers
        self._drop(message.sequence)
        message.dead, message.state, message.expires_ms = reason, State.ACTIVE, None
        self._journal.update(self.settings.name, message)
        self.dead_letters._insert(message)  # noqa: SLF001 - the same class

    def _remove(self, sequence: int) -> Message:
        message = self._drop(sequence)
        self._journal.delete(self.settings.name, sequence)
        return message

    def _drop(self, sequence: int) -> Message:
        for heap in (self._ready, self._expiring, self._scheduled):
            heap.discard(sequence)
        return self._messages.pop(sequence)

    def _require_state(self, sequences: Iterable[int], state: State) -> list[int]:
        """The distinct sequence numbers. Raises MessageNotFound if one is not in that state."""
        found = list(dict.fromkeys(sequences))
        for sequence in found:
            message = self._messages.get(sequence)
            if message is None or message.state is not state or message in self._locks:
                raise MessageNotFound(sequence, state.name.lower())
        return found

    def _remember(self, message: Message, now_ms: int) -> None:
        if self.settings.duplicate_window_ms is None:
            return
        message_id, sequence = message.draft.message_id, message.sequence
        until_ms = self._duplicates.remember(message_id, sequence, now_ms)
        self._journal.remember(self.settings.name, message_id, sequence, until_ms)

    def _changed(self) -> None:
        self.on_change(self)
