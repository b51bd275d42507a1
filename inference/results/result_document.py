"""Result documents: what became of a request, the same on the queue and under its id."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime

import orjson

from inference.errors import MalformedInput, ScoringError
from inference.models import ModelId
from inference.request import Answer, Request
from inference.rows import media_types
from inference.rows.codecs import json_codec

#: Characters of an error's message; it may quote what came.
MAX_MESSAGE = 2000


def succeeded(request: Request, answer: Answer, model: ModelId) -> bytes:
    """The document of an answer. JSON stands in it as it is; text/* as a string where it is UTF-8;
    all else as `{"content_type", "base64"}`.
    """
    result = _result(answer)
    return _document(request, model, cache=answer.cache, status="succeeded", result=result)


def failed(request: Request, error: ScoringError, model: ModelId) -> bytes:
    """The document of a request that will never get an answer."""
    return unanswered(request, error.code, error.message, model)


def unanswered(request: Request, code: str, message: str, model: ModelId) -> bytes:
    """The document of a request that came to nothing for a reason that no error of the core is."""
    error = {"code": code, "message": _sayable(message[:MAX_MESSAGE])}
    return _document(request, model, cache="bypass", status="failed", error=error)


def _result(answer: Answer) -> object:
    kind = media_types.essence(answer.content_type)
    if kind == media_types.JSON and _is_json(answer):
        return orjson.Fragment(answer.body)
    if kind.startswith("text/"):
        try:
            return answer.body.decode()
        except UnicodeDecodeError:
            pass
    encoded = base64.b64encode(answer.body).decode()
    return {"content_type": _sayable(answer.content_type), "base64": encoded}


def _is_json(answer: Answer) -> bool:
    """A script may call anything JSON; a bad answer must not make the whole document unreadable."""
    if not answer.from_script:
        return True
    try:
        json_codec.loads(answer.body, "the answer")
    except MalformedInput:
        return False
    return True


def _document(request: Request, model: ModelId, **outcome: object) -> bytes:
    document = {
        "id": _sayable(request.id),
        "source": request.source,
        "model": {name: _sayable(value) for name, value in model.as_dict().items()},
        "result": None,
        "error": None,
        "received_at": _iso(request.received_at),
        "finished_at": _iso(time.time()),
    }
    return orjson.dumps(document | outcome)


def _sayable(text: str) -> str:
    """JSON is UTF-8, which has no lone surrogates: they stand escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def _iso(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
