"""Result documents: what became of a request, the same on the queue and under its id."""

from __future__ import annotations

from datetime import datetime

import orjson

from inference.errors import ScoringError
from inference.models import ModelId
from inference.request import Answer, Request, utc_now


def succeeded(request: Request, answer: Answer, model: ModelId) -> bytes:
    """The document of an answer; its body must be JSON."""
    result = orjson.Fragment(answer.body)
    return _document(request, model, cache=answer.cache, status="succeeded", result=result)


def failed(request: Request, error: ScoringError, model: ModelId) -> bytes:
    """The document of a request that will never get an answer."""
    return _document(
        request,
        model,
        cache="bypass",
        status="failed",
        error={"code": error.code, "message": error.message},
    )


def _document(request: Request, model: ModelId, **outcome: object) -> bytes:
    document = {
        "id": request.id,
        "source": request.source,
        "model": model.as_dict(),
        "result": None,
        "error": None,
        "received_at": _iso(request.received_at),
        "finished_at": _iso(utc_now()),
    }
    return orjson.dumps(document | outcome)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
