"""Counters in a buffer of 64-bit integers. Other processes may read the buffer at any time.

Adding to a slot takes 0.04 us longer than adding to an attribute. In return no count is lost when
the process is killed, and nothing has to be copied for a scrape.
"""

from __future__ import annotations

from collections.abc import Iterable

#: The slots of all counters of one process. `inference.counters.counts` takes about 1,320.
SLOTS = 2_048


class Slots:
    """Hands out parts of a buffer, always in the same order. `buffer` has 8 SLOTS bytes."""

    def __init__(self, buffer: memoryview | None = None) -> None:
        self._free = (buffer or memoryview(bytearray(8 * SLOTS))).cast("q")

    def __repr__(self) -> str:
        return f"<Slots {len(self._free)} free>"

    def take(self, count: int) -> memoryview:
        """The next `count` slots."""
        if count > len(self._free):
            raise ValueError(f"{len(self._free)} slots are left, not {count}: raise SLOTS")
        taken, self._free = self._free[:count], self._free[count:]
        return taken


class Counter:
    """A number that only increases."""

    __slots__ = ("_slot",)

    def __init__(self, slots: Slots) -> None:
        self._slot = slots.take(1)

    def __repr__(self) -> str:
        return f"<Counter {self.value}>"

    @property
    def value(self) -> int:
        return self._slot[0]

    def add(self, count: int = 1) -> None:
        self._slot[0] += count

    def set(self, count: int) -> None:
        """Take over what something else has counted since the process started."""
        self._slot[0] = count


def counters[Label: str](labels: Iterable[Label], slots: Slots) -> dict[Label, Counter]:
    """A counter a label."""
    return {label: Counter(slots) for label in labels}
