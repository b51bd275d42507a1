"""The answer to a question: predictions as JSON, or a script's own reply."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from inference.ports import Entry
from inference.request import CacheStatus
from inference.scripts.question import Question, Reply, RowQuestion


class Prediction(NamedTuple):
    """What answers a question, and where it came from."""

    #: JSON; a list with an element a row for a question of rows.
    value: bytes
    cache: CacheStatus
    #: Seconds since the oldest part was computed; None unless all of it was stored.
    age_s: float | None = None
    #: A script's own response, which then takes the place of `value`.
    reply: Reply | None = None
    #: How many of the rows were found in a cache.
    hits: int = 0
    #: Seconds until what was found or stored expires; None where nothing was.
    ttl_left_s: float | None = None


def from_model(
    question: Question | RowQuestion,
    outcome: Sequence[bytes] | Reply,
    status: CacheStatus,
    *,
    hits: int = 0,
    ttl_left_s: float | None = None,
) -> Prediction:
    """`outcome`: a unit's answer each, or a script's own reply."""
    if isinstance(outcome, Reply):
        return Prediction(outcome.body, "bypass", reply=outcome)
    value = outcome[0] if isinstance(question, Question) else json_list(outcome)
    return Prediction(value, status, None, None, hits, ttl_left_s)


def from_cache(question: Question | RowQuestion, entries: Sequence[Entry]) -> Prediction:
    """`entries`: of every unit, in order."""
    if len(entries) == 1:
        (entry,) = entries
        value = entry.value if isinstance(question, Question) else b"[" + entry.value + b"]"
        return Prediction(value, "hit", entry.age_s, None, 1, entry.ttl_left_s)
    return Prediction(
        json_list([entry.value for entry in entries]),
        "hit",
        max(entry.age_s for entry in entries),
        hits=len(entries),
        ttl_left_s=min(entry.ttl_left_s for entry in entries),
    )


def json_list(rows: Sequence[bytes]) -> bytes:
    """One JSON list of the rows' answers."""
    return b"[" + b",".join(rows) + b"]"
