"""The answer to a question: predictions as JSON, or a script's own reply."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from inference.ports import Entry
from inference.request import CacheStatus
from inference.scripts.question import NotCached, Question, Reply, RowQuestion


class Prediction(NamedTuple):
    """What answers a question, and where it came from."""

    #: JSON. For a question of rows, a list with one element a row.
    value: bytes
    cache: CacheStatus
    #: Seconds since the oldest part was computed; None unless all of it was stored.
    age_s: float | None = None
    #: A script's own response, which then replaces `value`.
    reply: Reply | None = None
    #: How many of the rows were found in a cache.
    hits: int = 0
    #: Seconds until the found or stored value expires; None if nothing was found or stored.
    ttl_left_s: float | None = None
    #: Whether the answer may be stored.
    cacheable: bool = True


#: The answer to a question without rows: a model takes one row at least.
NO_ROWS = Prediction(b"[]", "bypass")


def count_rows(question: Question | RowQuestion) -> int:
    return question.rows if isinstance(question, Question) else len(question)


def from_model(
    question: Question | RowQuestion,
    outcome: Sequence[bytes] | Reply,
    status: CacheStatus,
    *,
    hits: int = 0,
    ttl_left_s: float | None = None,
) -> Prediction:
    """`outcome`: the answer to each unit, or a script's own reply."""
    if isinstance(outcome, Reply):
        return Prediction(outcome.body, "bypass", reply=outcome, cacheable=False)
    if isinstance(question, Question):
        value = outcome[0]
        cacheable = not isinstance(value, NotCached)
        status = "bypass" if status == "miss" and not cacheable else status
    else:
        value, cacheable = json_list(outcome), not has_failures(question, outcome)
    return Prediction(value, status, None, None, hits, ttl_left_s, cacheable)


def has_failures(question: RowQuestion, units: Sequence[bytes]) -> bool:
    """Whether some of the answers must not be stored."""
    return question.may_fail and any(isinstance(unit, NotCached) for unit in units)


def from_cache(question: Question | RowQuestion, entries: Sequence[Entry]) -> Prediction:
    """`entries`: one for each unit, in order."""
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
