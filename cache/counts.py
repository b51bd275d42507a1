"""What a cache has done since it was made, for whoever watches it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class RedisCounts:
    """Plain counters; whoever owns them reads them with `dataclasses.asdict`."""

    #: Keys that were looked up in Redis and were there, or not.
    redis_hits: int = 0
    redis_misses: int = 0
    #: Times that something was sent to Redis, however much at once.
    round_trips: int = 0
    #: Stores that were given up, because Redis was away or too many waited.
    stores_shed: int = 0
