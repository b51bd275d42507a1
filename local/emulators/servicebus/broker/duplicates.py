"""Duplicate detection: the message ids of a time window."""

from __future__ import annotations


class Duplicates:
    """Each id with the sequence number of its first message."""

    def __init__(self, window_ms: int) -> None:
        self._window_ms = window_ms
        #: Expiry and sequence number by id, in order of expiry: the window is the same for all.
        self._seen: dict[str, tuple[int, int]] = {}

    def __repr__(self) -> str:
        return f"<Duplicates: {len(self._seen)} ids of {self._window_ms} ms>"

    def __len__(self) -> int:
        return len(self._seen)

    def set_window(self, window_ms: int) -> None:
        """For ids that are remembered from now on."""
        self._window_ms = window_ms

    def remember(self, message_id: str, sequence: int, now_ms: int) -> int:
        """Returns when the id will be forgotten."""
        until_ms = now_ms + self._window_ms
        self.restore(message_id, sequence, until_ms)
        return until_ms

    def restore(self, message_id: str, sequence: int, until_ms: int) -> None:
        self._seen[message_id] = (until_ms, sequence)

    def find_sequence(self, message_id: str) -> int | None:
        """The first message's sequence number; None if the id is new."""
        seen = self._seen.get(message_id)
        return seen[1] if seen else None

    def next_deadline_ms(self) -> int | None:
        return next((until_ms for until_ms, _ in self._seen.values()), None)

    def forget(self, now_ms: int) -> bool:
        """Forget the ids whose window has passed. Returns whether there were any."""
        expired = []
        for message_id, (until_ms, _) in self._seen.items():
            if until_ms > now_ms:
                break
            expired.append(message_id)
        for message_id in expired:
            del self._seen[message_id]
        return bool(expired)
