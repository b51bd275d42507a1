"""Which drafts stay in memory: of a full queue, only the first megabytes."""

from __future__ import annotations

from local.emulators.servicebus.broker.message import Draft, DraftReader, Message

#: Bytes of messages that stay in memory after they were written.
BUDGET = 12 * 1024 * 1024

#: The memory of a draft besides its content and annotations, roughly.
_OVERHEAD = 400


class ResidentDrafts:
    """A queue is read from its front, so the drafts that come first stay."""

    def __init__(self, budget: int = BUDGET) -> None:
        self._left = budget
        self._sizes: dict[tuple[str, int], int] = {}

    def __repr__(self) -> str:
        return f"<ResidentDrafts: {len(self._sizes)}, {self._left} bytes left>"

    def written(self, queue: str, message: Message, read_draft: DraftReader) -> None:
        """The store has the draft now: it stays in memory too if there is room for it."""
        self.removed(queue, message)
        draft = message.kept
        if not isinstance(draft, Draft):
            return
        size = len(draft.content) + len(draft.annotations) + _OVERHEAD
        if size > self._left:
            message.kept = read_draft
        else:
            self._left -= size
            self._sizes[queue, message.sequence] = size

    def removed(self, queue: str, message: Message) -> None:
        self._left += self._sizes.pop((queue, message.sequence), 0)
