"""Result documents on their way out: into the store under their id, and onto the output queue."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from urllib.parse import quote

import orjson

from inference.errors import Overloaded, ScoringError
from inference.models import ModelId
from inference.request import Answer, Request
from inference.results import result_document
from inference.results.result_store import ResultStore
from inference.results.stored_result import State, fingerprint
from inference.serving.counts import Counts
from triggers.delivery.unstored_results import GRACE_S, UnstoredResults
from triggers.envelope import MAX_BYTES
from triggers.statuses import ID_IN_USE

#: Below this a document fits the queue however much the platform's indentation swells it.
SURELY_FITS = MAX_BYTES // 8

#: Of a document that says that nothing came of the last try.
TRIES_EXHAUSTED = "tries_exhausted"
TOO_LARGE = "result_too_large"


class Outbox:
    """Finishes requests: one result document each, the same in the store and on the queue."""

    def __init__(
        self,
        results: ResultStore,
        counts: Counts,
        *,
        trigger: str,
        unstored: UnstoredResults | None = None,
    ) -> None:
        self._results, self._counts, self._trigger = results, counts, trigger
        self._unstored = UnstoredResults(results) if unstored is None else unstored

    async def find(self, request: Request, *, wait_s: float) -> tuple[State, str]:
        """A request's state, and its document if it is finished. Raises StoreUnavailable."""
        state, document = await self._unstored.wait(
            lambda: self._results.find(request), at_most_s=wait_s
        )
        return state, for_queue(request, document) if document else ""

    async def finished_before(self, request: Request) -> str | None:
        """The document of an earlier delivery of the same request."""
        try:
            _, document = await self._results.find(request)
        except Overloaded:
            return None
        return for_queue(request, document) if document else None

    def returned(self) -> None:
        """Take note of an input that goes back, to come again."""
        self._counts.requests[self._trigger, "returned"] += 1

    async def last_try(
        self, request: Request, model: ModelId, *, due_s: float, wait_s: float | None = None
    ) -> State:
        """Before the work of the last try begins: what is told if it does not end within `due_s`.

        Until then the request is pending, and whatever else it comes to replaces it. Returns what
        was known. Raises Overloaded where the cache is away; with `wait_s` StoreUnavailable, after
        so many seconds.
        """
        document = result_document.unanswered(request, TRIES_EXHAUSTED, _STOPPED, model)

        async def stored() -> State:
            return await self._results.store_provisional(request, document, due_s=due_s)

        if wait_s is None:
            return await stored()
        return await self._unstored.wait(stored, at_most_s=wait_s)

    async def exhausted(self, request: Request, message: str, model: ModelId) -> str:
        """Store that no try is left, until a later delivery ends otherwise; for the queue."""
        self._counts.requests[self._trigger, "failed"] += 1
        document = result_document.unanswered(request, TRIES_EXHAUSTED, message, model)
        with contextlib.suppress(Overloaded):  # the queue has it
            await self._results.store_provisional(request, document, due_s=0.0)
        return for_queue(request, document)

    async def succeeded(
        self, request: Request, answer: Answer, model: ModelId, *, wait_s: float | None = None
    ) -> str:
        """Store the answer; returns the document for the queue.

        `wait_s`: the caller looks for it in the store alone. Raises StoreUnavailable where it could
        not be stored within so many seconds. Without it the document is kept and stored later,
        unless the queue can't carry it either.
        """
        document = result_document.succeeded(request, answer, model)
        return await self._finish("succeeded", request, document, model, wait_s)

    async def failed(
        self,
        request: Request,
        error: ScoringError,
        model: ModelId,
        *,
        wait_s: float | None = None,
    ) -> str:
        """Store the error, as `succeeded` does an answer; returns the document for the queue."""
        document = result_document.failed(request, error, model)
        return await self._finish("failed", request, document, model, wait_s)

    async def id_in_use(self, request: Request, model: ModelId) -> str:
        """Store, under a name of its own, that the request's id is another's; for the queue."""
        named = replace(request, id=f"{request.id[:100]}.{fingerprint(request).hex()}")
        told = f"the id {request.id[:100]} names other content; send a new id"
        document = result_document.unanswered(named, ID_IN_USE.code, told, model)
        self._counts.requests[self._trigger, "failed"] += 1
        # Where even that name is taken, the queue tells it alone.
        await self._unstored.finish(named, document)
        return for_queue(named, document)

    async def _finish(
        self, outcome: str, request: Request, document: bytes, model: ModelId, wait_s: float | None
    ) -> str:
        try:
            mine = await self._store(request, document, wait_s)
        except ValueError as error:
            if not isinstance(error, ConnectionError):  # see inference.ports.Cache.put
                raise
            outcome = "failed"
            told = f"the result has {len(document):,} bytes, too many for the cache in the process"
            document = result_document.unanswered(request, TOO_LARGE, told, model)
            mine = await self._store(request, document, wait_s)
        if not mine:
            return await self.id_in_use(request, model)
        self._counts.requests[self._trigger, outcome] += 1
        return for_queue(request, document)

    async def _store(self, request: Request, document: bytes, wait_s: float | None) -> bool:
        if wait_s is None and not _fits(document):
            wait_s = GRACE_S
        if wait_s is None:
            return await self._unstored.finish(request, document)
        return await self._unstored.wait(
            lambda: self._results.finish(request, document), at_most_s=wait_s
        )


_STOPPED = "no try is left, and the app stopped while it made the last one; send it again"


def for_queue(request: Request, document: bytes) -> str:
    """The document, or one without its result where the queue can't carry it."""
    if _fits(document):
        return document.decode()
    told = f"the result has {len(document):,} bytes, too many for the queue"
    slim = orjson.loads(document) | {
        "result": None,
        "error": {
            "code": TOO_LARGE,
            "message": f"{told}: fetch it at /api/results/{quote(request.id, safe='')}",
        },
    }
    return orjson.dumps(slim).decode()


def _fits(document: bytes) -> bool:
    """Whether the queue can carry it, which the platform may write anew with indentation."""
    if len(document) <= SURELY_FITS:
        return True
    indented = orjson.dumps(orjson.loads(document), option=orjson.OPT_INDENT_2)
    return len(indented) <= MAX_BYTES
