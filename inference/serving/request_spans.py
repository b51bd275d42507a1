"""Spans of requests: what the span of a finished request says, and those of a model's calls."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from inference.serving.finished_requests import FinishedRequest
from inference.tracing import spans

#: Parts of one file that have spans. A trace with thousands is no use to anybody.
MAX_PARTS = 64

_NO_SPAN = nullcontext()


def annotate(finished: FinishedRequest) -> None:
    """Add what a request ended in to the current span. No value that its sender chose but its id.

    Observes inference.serving.finished_requests.
    """
    facts = {
        "triscore.request_id": finished.request_id,
        "triscore.model.name": finished.model.name,
        "triscore.model.version": finished.model.version,
        "triscore.cache": finished.cache,
        "triscore.rows": finished.rows,
        "error.type": finished.error,
    }
    if finished.trigger == "http":
        facts["http.response.status_code"] = finished.status
        is_failure = isinstance(finished.status, int) and finished.status >= 500
    else:
        facts["triscore.outcome"] = finished.status
        is_failure = finished.status in ("failed", "returned")
    known = {name: value for name, value in facts.items() if value is not None}
    spans.annotate(known, failed=is_failure)


def part(number: int, rows: int) -> AbstractContextManager[object]:
    """A block that predicts a part of a file. The first MAX_PARTS have spans."""
    if spans.recorder is None:
        return _NO_SPAN
    if number > MAX_PARTS:
        return spans.recorder.muted()
    return spans.recorder.span("score part", {"triscore.part": number, "triscore.rows": rows})


def redis(operation: str, keys: int = 1) -> dict[str, str | int]:
    """The attributes of a span of the shared cache. Other requests' keys may go with these."""
    batch = {"db.operation.batch.size": keys} if keys > 1 else {}
    return {"db.system.name": "redis", "db.operation.name": operation, **batch}
