"""The near cache: values in this process, found in one or two microseconds."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from cache.entry import Entry

DEFAULT_MAX_BYTES = 64 * 1024 * 1024

#: Bytes of an entry besides the characters of its key and the bytes of its value: its objects and
#: its place in the table.
ENTRY_BYTES = 320

#: value, computed at, expires at, removed at, fixed. The garbage collector does not track a plain
#: tuple of such values, so that a hundred thousand of them do not lengthen its pauses.
_Held = tuple[bytes, float, float, float, bool]


class NearCache:
    """A least-recently-used cache of at most `max_bytes`. For one event loop.

    `clock` returns monotonic seconds.
    """

    def __init__(
        self,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        #: Least recently used first.
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._bytes = 0

    def __repr__(self) -> str:
        return f"<NearCache {len(self)} entries, {self._bytes} of {self._max_bytes} bytes>"

    def __len__(self) -> int:
        return len(self._held)

    @property
    def size_bytes(self) -> int:
        return self._bytes

    def get(self, key: str) -> Entry | None:
        held = self._held.get(key)
        if held is not None:
            value, computed_at, expires_at, removed_at, fixed = held
            now = self._clock()
            if now < removed_at:
                self._held.move_to_end(key)
                return Entry(value, now - computed_at, expires_at - now, fixed)
            self.remove(key)
        return None

    def contains(self, key: str) -> bool:
        """Whether `get` would find a value. The entry is not marked as used."""
        held = self._held.get(key)
        return held is not None and self._clock() < held[3]

    def put(self, key: str, entry: Entry, *, at_most_s: float = math.inf) -> bool:
        """Keep an entry until it expires, or for `at_most_s`. False if it is too large."""
        self.remove(key)
        value, age_s, ttl_left_s, fixed = entry
        size = _size(key, value)
        if size > self._max_bytes:
            return False
        now = self._clock()
        removed_at = now + min(ttl_left_s, at_most_s)
        self._held[key] = (value, now - age_s, now + ttl_left_s, removed_at, fixed)
        self._bytes += size
        while self._bytes > self._max_bytes:
            self.remove(next(iter(self._held)))
        return True

    def remove(self, key: str) -> None:
        held = self._held.pop(key, None)
        if held is not None:
            self._bytes -= _size(key, held[0])

    def clear(self) -> None:
        self._held.clear()
        self._bytes = 0


def _size(key: str, value: bytes) -> int:
    return len(key) + len(value) + ENTRY_BYTES
