"""How often values fell into which range."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from inference.counters.slots import Slots

#: Sums of seconds are kept in nanoseconds: a slot holds a whole number.
NANOSECONDS = 1_000_000_000


class Histogram:
    """`bounds` are the ranges' inclusive upper ends; one more range has no upper end.

    The sum of the values is kept in units of 1 / `scale`.
    """

    __slots__ = ("_scale", "_slots", "bounds")

    def __init__(self, bounds: tuple[float, ...], slots: Slots, *, scale: int = 1) -> None:
        self.bounds, self._scale = bounds, scale
        #: A count for each range, then the sum.
        self._slots = slots.take(len(bounds) + 2)

    def __repr__(self) -> str:
        return f"<Histogram {sum(self.counts)} values, sum {self.sum:g}>"

    def observe(self, value: float) -> None:
        slots = self._slots
        slots[bisect_left(self.bounds, value)] += 1
        slots[-1] += int(value * self._scale)

    @property
    def counts(self) -> Sequence[int]:
        """A count for each range."""
        return self._slots[:-1].tolist()

    @property
    def sum(self) -> float:
        return self._slots[-1] / self._scale


def of_seconds(bounds: tuple[float, ...], slots: Slots) -> Histogram:
    return Histogram(bounds, slots, scale=NANOSECONDS)
