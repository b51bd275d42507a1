"""Writes result documents: how a request ended. The queue and the store get the same document."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import orjson

from inference.errors import MalformedInput, ScoringError
from inference.models import ModelId
from inference.request import Answer, Request
from inference.rows import media_types
from inference.rows.formats import json_codec

#: The longest message of an error, in characters. A message may quote the request.
MAX_MESSAGE = 2000
_BYTES = "application/octet-stream"


def succeeded(request: Request, answer: Answer, model: ModelId) -> bytes:
    """The document of an answer. It holds JSON as it is, text/* in UTF-8 as a string, and other
    content as `{"content_type", "base64"}`.
    """
    result = _result(answer)
    return _document(request, model, cache=answer.cache, status="succeeded", result=result)


def succeeded_in_blob(
    request: Request, answer: Answer, model: ModelId, blob: Mapping[str, object]
) -> bytes:
    """The document of an answer that is in a blob: `blob` says where."""
    return _document(request, model, cache=answer.cache, status="succeeded", result_blob=dict(blob))


def content_of(answer: Answer) -> tuple[bytes, str]:
    """An answer as a blob: its bytes and its content type, which is JSON's only for JSON."""
    kind = media_types.essence(answer.content_type)
    if kind == media_types.JSON and not _is_json(answer):
        return answer.body, _BYTES
    return answer.body, _encodable(answer.content_type) or _BYTES


def with_result(document: Mapping[str, object], content: bytes, content_type: str) -> bytes:
    """The document of `succeeded_in_blob` with the result in it, as `succeeded` writes it."""
    answer = Answer(content, content_type, cache="bypass", elapsed_ms=0.0)
    return orjson.dumps(dict(document) | {"result": _result(answer)})


def failed(request: Request, error: ScoringError, model: ModelId) -> bytes:
    """The document of a request that ended with an error of inference.errors."""
    return unanswered(request, error.code, error.message, model)


def unanswered(request: Request, code: str, message: str, model: ModelId) -> bytes:
    """The document of a request that ended without an answer, for a trigger's own reason."""
    error = {"code": code, "message": _encodable(message[:MAX_MESSAGE])}
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
    return {"content_type": _encodable(answer.content_type), "base64": encoded}


def _is_json(answer: Answer) -> bool:
    """Whether an answer is the JSON that its type says: a script may call any bytes JSON."""
    if not answer.from_script:
        return True
    try:
        json_codec.loads(answer.body, "the answer")
    except MalformedInput:
        return False
    return True


def _document(request: Request, model: ModelId, **outcome: object) -> bytes:
    document: dict[str, object] = {
        "id": _encodable(request.id),
        "source": request.source,
        "model": {name: _encodable(value) for name, value in model.as_dict().items()},
        "result": None,
        "error": None,
        "received_at": _iso(request.received_at),
        "finished_at": _iso(time.time()),
    }
    for name, text in request.references.items():
        document[name] = _encodable(text)
    return orjson.dumps(document | outcome)


def _encodable(text: str) -> str:
    """The text with lone surrogates escaped: JSON is UTF-8, which has none."""
    return text.encode("utf-8", "backslashreplace").decode()


def _iso(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
