"""Result documents on their way out: into the store under their id, and onto the output queue."""

from __future__ import annotations

import orjson

from inference import documents
from inference.counts import Counts
from inference.errors import ScoringError
from inference.models import ModelId
from inference.request import Answer, Request
from inference.results import Results
from triggers.envelope import MAX_BYTES

#: Below this a document fits the queue however much the platform's indentation swells it.
SURELY_FITS = MAX_BYTES // 8


class Outbox:
    """Finishes requests: one result document each, the same in the store and on the queue."""

    def __init__(self, results: Results, counts: Counts, *, door: str) -> None:
        self._results, self._counts, self._door = results, counts, door

    async def finished_before(self, request: Request) -> str | None:
        """The document of an earlier delivery of the same request."""
        document = await self._results.known(request)
        return None if document is None else _for_queue(request, document, stored=True)

    def returned(self) -> None:
        """Take note of an input that goes back, to come again."""
        self._counts.requests[self._door, "returned"] += 1

    async def succeeded(self, request: Request, answer: Answer, model: ModelId) -> str:
        """Store the answer; returns the document for the queue."""
        self._counts.requests[self._door, "succeeded"] += 1
        return await self._finish(request, documents.succeeded(request, answer, model))

    async def failed(self, request: Request, error: ScoringError, model: ModelId) -> str:
        """Store the error; returns the document for the queue."""
        self._counts.requests[self._door, "failed"] += 1
        return await self._finish(request, documents.failed(request, error, model))

    async def _finish(self, request: Request, document: bytes) -> str:
        stored = await self._results.finish(request, document)
        return _for_queue(request, document, stored=stored)


def _for_queue(request: Request, document: bytes, *, stored: bool) -> str:
    """The document, or one without its result where the queue can't carry it."""
    if len(document) <= SURELY_FITS or _indented(document) <= MAX_BYTES:
        return document.decode()
    where = f"fetch it at /api/results/{request.id}" if stored else "send fewer rows at a time"
    slim = orjson.loads(document) | {
        "status": "succeeded" if stored else "failed",
        "result": None,
        "error": {
            "code": "result_too_large",
            "message": f"the result has {len(document):,} bytes, too many for the queue: {where}",
        },
    }
    return orjson.dumps(slim).decode()


def _indented(document: bytes) -> int:
    return len(orjson.dumps(orjson.loads(document), option=orjson.OPT_INDENT_2))
