"""One queue: the life of its messages.

A message is scheduled, ready, locked or deferred; every way out of a lock leads back to where it
came from, to the dead-letter queue, or out. Nothing here waits: `advance` does what time has done.
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
        #: Called when a message may be ready, or the next deadline may have moved.
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
        """Take up what a store kept. What was locked is ready, and no try of it has failed."""
        # It was the broker that ended, not the receivers.
        self._sequences = count(saved.last_sequence + 1)
        for message in saved.messages:
            home = self if message.dead is None else self.dead_letters
            assert home is not None  # noqa: S101 - only a queue with one is restored
            home._admit(message)  # noqa: SLF001 - of its own kind
        for message_id, sequence, until_ms in saved.seen:
            self._duplicates.restore(message_id, sequence, until_ms)

    def send(self, draft: Draft) -> int:
        """Returns the message's sequence number; a duplicate's is that of the first."""
        if self.settings.duplicate_window_ms is not None:
            first = self._duplicates.sequence_of(draft.message_id)
            if first is not None:
                return first
        now_ms = self._now_ms()
        message = Message(next(self._sequences), draft, now_ms, None)
        if draft.scheduled_ms is not None and draft.scheduled_ms > now_ms:
            message.state = State.SCHEDULED
        life_ms = self.settings.life_ms(draft.ttl_ms)
        if life_ms is not None:
            # A message's life begins when it can be received.
            message.expires_ms = (draft.scheduled_ms or now_ms) + life_ms
        self._journal.insert(self.settings.name, message)
        self._remember(message, now_ms)
        self._admit(message)
        return message.sequence

    def cancel_scheduled(self, sequences: Iterable[int]) -> None:
        """All or none. Raises MessageNotFound."""
        for sequence in self._found(sequences, State.SCHEDULED):
            self._remove(sequence)

    # -- receiving -----------------------------------------------------------------------------

    def receive(self, holder: LockHolder | None) -> Delivery | None:
        """Lock the first message that is ready; None where none is."""
        message = self._next_ready()
        return self._lock(message, holder) if message else None

    def take(self) -> Message | None:
        """Receive and delete the first message that is ready."""
        message = self._next_ready()
        if message:
            self._remove(message.sequence)
        return message

    def receive_deferred(self, sequences: Iterable[int]) -> list[Delivery]:
        """All or none. Raises MessageNotFound."""
        found = self._found(sequences, State.DEFERRED)
        return [self._lock(self._messages[sequence], None) for sequence in found]

    def take_deferred(self, sequences: Iterable[int]) -> list[Message]:
        """Receive and delete, all or none. Raises MessageNotFound."""
        return [self._remove(sequence) for sequence in self._found(sequences, State.DEFERRED)]

    def peek(self, first: int, limit: int) -> list[Message]:
        """Up to `limit` messages from sequence number `first` on, in whatever state."""
        now_ms = self._now_ms()
        from_first = (
            sequence
            for sequence, message in self._messages.items()
            if sequence >= first and not message.is_over(now_ms)
        )
        return [self._messages[sequence] for sequence in heapq.nsmallest(limit, from_first)]

    # -- settling ------------------------------------------------------------------------------

    def complete(self, token: UUID) -> None:
        """Raises LockLost, as all that settle do."""
        self._remove(self._locks.give_back(token).sequence)

    def abandon(self, token: UUID, content: bytes | None = None) -> None:
        """`content` replaces the message's own, here and below."""
        self._failed(self._locks.give_back(token).edited(content))

    def release(self, token: UUID) -> None:
        """Give back a message that was not tried: it does not count as a delivery."""
        self._make_available(self._locks.give_back(token))

    def defer(self, token: UUID, content: bytes | None = None) -> None:
        message = self._locks.give_back(token).edited(content)
        message.state = State.DEFERRED
        self._expiring.discard(message.sequence)
        self._journal.update(self.settings.name, message)
        self._changed()

    def dead_letter(self, token: UUID, why: DeadLetter, content: bytes | None = None) -> None:
        """In a dead-letter queue there is nowhere to move to: counts as abandoned."""
        message = self._locks.give_back(token).edited(content)
        if self.dead_letters is None:
            self._failed(message)
        else:
            self._bury(message, why)

    def renew(self, token: UUID) -> int:
        """Returns until when the lock is held now."""
        until_ms = self._locks.renew(token, self._now_ms())
        self._changed()
        return until_ms

    def locked(self, token: UUID) -> Message:
        """The message that the lock is on."""
        return self._locks.check(token)

    # -- time ----------------------------------------------------------------------------------

    def next_deadline_ms(self) -> int | None:
        """When `advance` has something to do next; None where nothing is due ever."""
        return min(
            (
                deadline
                for deadline in (
                    self._locks.next_deadline_ms(),
                    self._expiring.first_key(),
                    self._scheduled.first_key(),
                    self._duplicates.next_deadline_ms(),
                )
                if deadline is not None
            ),
            default=None,
        )

    def advance(self) -> None:
        """Do what has become due: locks end, scheduled messages become ready, others expire."""
        now_ms = self._now_ms()
        for message in self._locks.run_out(now_ms):
            self._failed(message)
        for sequence in self._scheduled.due(now_ms):
            self._activate(self._messages[sequence])
        for sequence in self._expiring.due(now_ms):
            message = self._messages[sequence]
            # Who holds a message may still settle it; it expires when the lock ends.
            if message not in self._locks:
                self._expire(message)
        if self._duplicates.forget(now_ms):
            self._journal.forget(self.settings.name, now_ms)

    # -- inner life ----------------------------------------------------------------------------

    def _admit(self, message: Message) -> None:
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
        if message.is_over(self._now_ms()):
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
            if not message.is_over(self._now_ms()):
                return message
            self._expire(message)
        return None

    def _lock(self, message: Message, holder: LockHolder | None) -> Delivery:
        delivery = self._locks.take(message, holder, self._now_ms())
        self._changed()
        return delivery

    def _failed(self, message: Message) -> None:
        message.delivery_count += 1
        tries = self.settings.max_delivery_count
        if self.dead_letters is not None and message.delivery_count >= tries:
            self._bury(message, DeadLetter.tried_too_often(tries))
            return
        self._journal.update(self.settings.name, message)
        self._make_available(message)

    def _expire(self, message: Message) -> None:
        if self.settings.dead_letters_expired:
            self._bury(message, DeadLetter.expired())
        else:
            self._remove(message.sequence)

    def _bury(self, message: Message, why: DeadLetter) -> None:
        """Move to the dead-letter queue, where nothing expires. The sequence number stays."""
        assert self.dead_letters is not None  # noqa: S101 - callers made sure
        self._drop(message.sequence)
        message.dead, message.state, message.expires_ms = why, State.ACTIVE, None
        self._journal.update(self.settings.name, message)
        self.dead_letters._admit(message)  # noqa: SLF001 - of its own kind

    def _remove(self, sequence: int) -> Message:
        message = self._drop(sequence)
        self._journal.delete(self.settings.name, sequence)
        return message

    def _drop(self, sequence: int) -> Message:
        for ranking in (self._ready, self._expiring, self._scheduled):
            ranking.discard(sequence)
        return self._messages.pop(sequence)

    def _found(self, sequences: Iterable[int], state: State) -> list[int]:
        """The sequence numbers, each once. Raises MessageNotFound for the first that is not so."""
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
