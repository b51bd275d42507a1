"""Moves messages on from one entity to another: auto-forwarding, and forwarded dead letters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from local.emulators.servicebus.broker.errors import NotAllowed
from local.emulators.servicebus.broker.message import DeadLetter, Draft, Message
from local.emulators.servicebus.broker.message_queue import MessageQueue

#: A message that has been forwarded this often goes to the transfer dead-letter queue.
MAX_HOPS = 4

type Finder = Callable[[str], MessageQueue | None]
#: Puts the reason of a dead letter into its application properties.
type ReasonWriter = Callable[[Draft, DeadLetter], Draft]


class Forwarding:
    """Moves the messages of one queue as its settings say."""

    def __init__(self, source: MessageQueue, find: Finder, write_reason: ReasonWriter) -> None:
        self._source = source
        self._find = find
        self._write_reason = write_reason

    def __repr__(self) -> str:
        return f"<Forwarding of {self._source.path}>"

    def start(self) -> None:
        """Forward what becomes ready or is dead-lettered from now on."""
        source, settings = self._source, self._source.settings
        source.forward = self.forward if settings.forward_to else None
        source.forward_dead_letter = (
            self.forward_dead_letter if settings.forward_dead_letters_to else None
        )

    def forward(self, message: Message) -> None:
        self._send(self._source.settings.forward_to or "", _moved(message))

    def forward_dead_letter(self, message: Message, reason: DeadLetter) -> None:
        draft = self._write_reason(_moved(message), reason)
        draft = replace(draft, dead_letter_source=self._source.path, ttl_ms=None)
        self._send(self._source.settings.forward_dead_letters_to or "", draft)

    def _send(self, path: str, draft: Draft) -> None:
        target = self._find(path)
        if target is None:
            self._fail(draft, "EntityNotFound", f"The entity {path!r} does not exist.")
        elif draft.hops > MAX_HOPS:
            self._fail(
                draft,
                "MaxTransferHopCountExceeded",
                f"The message was forwarded more than {MAX_HOPS} times.",
            )
        else:
            try:
                target.send_all([draft])
            except NotAllowed as error:
                self._fail(draft, "TransferFailed", str(error))

    def _fail(self, draft: Draft, reason: str, description: str) -> None:
        self._source.send_dead(draft, DeadLetter(reason, description, in_transfer=True))


def _moved(message: Message) -> Draft:
    draft = message.draft
    first = message.sequence if draft.enqueued_sequence is None else draft.enqueued_sequence
    return replace(draft, scheduled_ms=None, enqueued_sequence=first, hops=draft.hops + 1)
