"""A heap of sequence numbers, ordered by a key: a deadline, or the sequence number itself."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

#: The heap is rebuilt when it has this many more stale entries than valid ones.
_SLACK = 64


class SequenceHeap:
    """Supports removal: an entry that is not its sequence number's newest is stale and skipped."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int]] = []
        self._keys: dict[int, int] = {}

    def __repr__(self) -> str:
        return f"<SequenceHeap of {len(self)}>"

    def __len__(self) -> int:
        return len(self._keys)

    def put(self, sequence: int, key: int) -> None:
        self._keys[sequence] = key
        heapq.heappush(self._heap, (key, sequence))

    def discard(self, sequence: int) -> None:
        self._keys.pop(sequence, None)
        if len(self._heap) > 2 * len(self._keys) + _SLACK:
            self._heap = [(key, sequence) for sequence, key in self._keys.items()]
            heapq.heapify(self._heap)

    def first_key(self) -> int | None:
        """The lowest key; None if the heap is empty."""
        self._drop_stale()
        return self._heap[0][0] if self._heap else None

    def pop(self, up_to: int | None = None) -> int | None:
        """Remove and return the sequence number with the lowest key, if that is at most `up_to`."""
        self._drop_stale()
        if not self._heap or (up_to is not None and self._heap[0][0] > up_to):
            return None
        _, sequence = heapq.heappop(self._heap)
        del self._keys[sequence]
        return sequence

    def pop_due(self, up_to: int) -> Iterator[int]:
        """Remove and yield each sequence number with a key up to `up_to`, lowest first."""
        while (sequence := self.pop(up_to)) is not None:
            yield sequence

    def _drop_stale(self) -> None:
        heap, keys = self._heap, self._keys
        while heap and keys.get(heap[0][1]) != heap[0][0]:
            heapq.heappop(heap)
