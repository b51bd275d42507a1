"""What becomes of a queue's messages: they wait, become ready, expire, fail or are dead-lettered.

There are no timers here: `advance` applies all changes that are due by the clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from local.emulators.servicebus.broker.availability import Availability
from local.emulators.servicebus.broker.duplicates import Duplicates
from local.emulators.servicebus.broker.journal import Journal
from local.emulators.servicebus.broker.message import DeadLetter, Message, State
from local.emulators.servicebus.broker.message_index import MessageIndex
from local.emulators.servicebus.broker.sessions import Sessions
from local.emulators.servicebus.broker.settings import QueueSettings

type Clock = Callable[[], int]


class Lifecycle:
    """A queue's messages and, in `dead_letters`, those of its dead-letter queue."""

    def __init__(
        self,
        settings: QueueSettings,
        journal: Journal,
        now_ms: Clock,
        dead_letters: Self | None,
        transfer_dead_letters: Self | None,
    ) -> None:
        self.settings = settings
        #: None: this is a dead-letter queue, which has none of its own.
        self.dead_letters = dead_letters
        #: Messages that could not be forwarded.
        self.transfer_dead_letters = transfer_dead_letters
        #: Moves a message on that is ready here; None: receivers get it.
        self.forward: Callable[[Message], None] | None = None
        #: Moves a dead letter to another entity; None: it goes to `dead_letters`.
        self.forward_dead_letter: Callable[[Message, DeadLetter], None] | None = None
        #: Called when a message may be ready or the next deadline may have changed.
        self.on_change: Callable[[], None] = lambda: None
        has_sessions = settings.requires_session and dead_letters is not None
        self.sessions = Sessions(settings.lock_duration_ms) if has_sessions else None
        self._journal = journal
        self._now_ms = now_ms
        self._available = self.sessions or Availability(settings.lock_duration_ms)
        self._messages = MessageIndex(self._available)
        self._duplicates = Duplicates(settings.duplicate_window_ms or 0)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path}: {self._messages!r}, {self._available!r}>"

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def path(self) -> str:
        return self.settings.name

    @property
    def has_ready(self) -> bool:
        return self._available.has_ready

    @property
    def locks_held(self) -> int:
        return self._available.locks_held

    def configure(self, settings: QueueSettings) -> None:
        """Change the settings. Locks that are held keep their time."""
        self.settings = settings
        self._available.set_duration(settings.lock_duration_ms)
        self._duplicates.set_window(settings.duplicate_window_ms or 0)

    def next_deadline_ms(self) -> int | None:
        """When `advance` must be called next; None if nothing is pending."""
        deadlines = (
            self._available.next_deadline_ms(),
            self._messages.next_deadline_ms(),
            self._duplicates.next_deadline_ms(),
        )
        return min((each for each in deadlines if each is not None), default=None)

    def advance(self) -> None:
        """Apply what is due: locks expire, scheduled messages become ready, others expire."""
        now_ms = self._now_ms()
        for message in self._available.expire(now_ms):
            self._failed(message)
        for message in self._messages.pop_scheduled(now_ms):
            message.state, message.enqueued_ms = State.ACTIVE, now_ms
            self._journal.update(self.settings.name, message)
            self._make_available(message)
        for message in self._messages.pop_expired(now_ms):
            self._expire(message)
        if self._duplicates.forget(now_ms):
            self._journal.forget(self.settings.name, now_ms)

    def insert(self, message: Message) -> None:
        """Add a message that is in the store already."""
        self._messages.add(message)
        if message.state is State.ACTIVE:
            self._make_available(message)
        else:
            self._changed()

    def _make_available(self, message: Message) -> None:
        if message.is_expired(self._now_ms()):
            self._expire(message)
            return
        if message.state is State.ACTIVE:
            if self.forward is not None:
                self._remove(message)
                self.forward(message)
                return
            self._available.put(message)
        self._changed()

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
            self._remove(message)

    def _move_to_dead_letters(self, message: Message, reason: DeadLetter) -> None:
        """Its sequence number stays the same. Nothing expires in a dead-letter queue."""
        assert self.dead_letters is not None  # noqa: S101 - checked by callers
        if self.forward_dead_letter is not None:
            self._remove(message)
            self.forward_dead_letter(message, reason)
            return
        self._messages.remove(message)
        message.dead, message.state, message.expires_ms = reason, State.ACTIVE, None
        self._journal.update(self.settings.name, message)
        self.dead_letters.insert(message)

    def _remove(self, message: Message) -> None:
        self._messages.remove(message)
        self._journal.delete(self.settings.name, message)

    def _changed(self) -> None:
        self.on_change()
