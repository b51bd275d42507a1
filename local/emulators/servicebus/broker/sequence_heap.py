"""Sequence numbers in the order of a rank, such as the time when something is due."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

#: Entries that are no longer meant are dropped when there are this many more of them than others.
_SLACK = 64


class SequenceHeap:
    """A heap that can forget: an entry counts only while it is its number's newest."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int]] = []
        self._ranks: dict[int, int] = {}

    def __repr__(self) -> str:
        return f"<SequenceHeap of {len(self)}>"

    def __len__(self) -> int:
        return len(self._ranks)

    def put(self, sequence: int, rank: int) -> None:
        self._ranks[sequence] = rank
        heapq.heappush(self._heap, (rank, sequence))

    def discard(self, sequence: int) -> None:
        self._ranks.pop(sequence, None)
        if len(self._heap) > 2 * len(self._ranks) + _SLACK:
            self._heap = [(rank, sequence) for sequence, rank in self._ranks.items()]
            heapq.heapify(self._heap)

    def first_key(self) -> int | None:
        """The lowest rank; None where there is none."""
        self._drop_forgotten()
        return self._heap[0][0] if self._heap else None

    def pop(self, up_to: int | None = None) -> int | None:
        """Take out the sequence number of lowest rank, if that is at most `up_to`."""
        self._drop_forgotten()
        if not self._heap or (up_to is not None and self._heap[0][0] > up_to):
            return None
        _, sequence = heapq.heappop(self._heap)
        del self._ranks[sequence]
        return sequence

    def due(self, up_to: int) -> Iterator[int]:
        """Take out every sequence number of a rank up to that, the lowest first."""
        while (sequence := self.pop(up_to)) is not None:
            yield sequence

    def _drop_forgotten(self) -> None:
        heap, ranks = self._heap, self._ranks
        while heap and ranks.get(heap[0][1]) != heap[0][0]:
            heapq.heappop(heap)
