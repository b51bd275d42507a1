"""Measures whether a conversion answers as fast as the model, at the sizes that matter."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.rows.row_types import Values

Answering = Callable[[Values], Any]

#: Rows in a call: what one request brings, and what a batch has.
SIZES = (1, 256)
#: Calls of each of the two at each size, in turns: what else the machine does then slows both.
CALLS = 30
#: A slow model is called less often. Seconds for each size.
MAX_S = 10.0
#: No difference below this share is a difference: two measurements of one model differ by as much.
NOISE = 0.03


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds of the fastest call, by rows."""

    model: Mapping[int, float]
    converted: Mapping[int, float]

    @property
    def is_slower(self) -> bool:
        """Whether the conversion is slower at any size."""
        return any(self.converted[size] > self.model[size] * (1 + NOISE) for size in SIZES)

    def describe(self) -> str:
        """`1 row 50.2 us instead of 211.0 us, 256 rows …`."""
        return ", ".join(
            f"{size} row{'s' if size > 1 else ''} {_with_unit(self.converted[size])} instead of"
            f" {_with_unit(self.model[size])}"
            for size in SIZES
        )


def _with_unit(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} us" if seconds < 0.001 else f"{seconds * 1000:.2f} ms"


def measure(model: Answering, converted: Answering, rows: Values) -> Speed:
    """`rows`: at least one that both answer; they are repeated."""
    best: tuple[dict[int, float], dict[int, float]] = ({}, {})
    for size in SIZES:
        batch = rows[np.arange(size) % len(rows)]
        ends = time.perf_counter() + MAX_S
        for call in range(CALLS + 1):
            for answer, fastest in zip((model, converted), best, strict=True):
                began = time.perf_counter()
                answer(batch)
                seconds = time.perf_counter() - began
                if call:  # the first call makes what later ones use
                    fastest[size] = min(seconds, fastest.get(size, seconds))
            if call and time.perf_counter() > ends:
                break
    return Speed(*best)
