"""Sends result documents out: into the result store under their id, and to the output queue."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace

from inference.errors import Overloaded, ScoringError
from inference.models import ModelId
from inference.request import Answer, Request, Source
from inference.results import result_document
from inference.results.result_store import ResultStore
from inference.results.running_jobs import RunningJobs
from inference.results.stored_result import State, fingerprint
from inference.serving.finished_requests import FinishedRequests, Outcome, Unscored
from inference.tracing import spans
from triggers.delivery.queue_document import TOO_LARGE, QueueDocument
from triggers.delivery.result_blobs import ResultBlobs
from triggers.delivery.unstored_results import GRACE_S, UnstoredResults
from triggers.envelope import MAX_BYTES
from triggers.statuses import ID_IN_USE

#: The error code of a document.
TRIES_EXHAUSTED = "tries_exhausted"
_STOPPED = "the app stopped during the last attempt; send it again"


class Outbox:
    """Finishes the requests of one trigger, each with one result document.

    The `store_…` methods return the document as a message for the output queue.
    """

    def __init__(
        self,
        results: ResultStore,
        finished: FinishedRequests,
        *,
        trigger: Source,
        unstored: UnstoredResults | None = None,
        result_blobs: ResultBlobs | None = None,
    ) -> None:
        """`result_blobs`: where results go that the queue can't carry. Without it, such a result
        is in the result store alone.
        """
        self._results, self._finished, self._trigger = results, finished, trigger
        self._result_blobs = result_blobs
        if unstored is None:
            unstored = UnstoredResults(results, finished.counts)
        self._unstored = unstored

    async def find(self, request: Request, *, wait_s: float) -> tuple[State, str]:
        """A request's state, and its document if it is finished. Raises StoreUnavailable."""
        state, document = await self._unstored.retry(
            lambda: self._results.find(request), at_most_s=wait_s
        )
        return state, QueueDocument(document).text(request.id) if document else ""

    @property
    def running_jobs(self) -> RunningJobs:
        return self._results.running

    async def find_known(self, request: Request) -> tuple[State, str]:
        """As `find`, but a request counts as new while the cache is away."""
        try:
            state, document = await self._results.find(request)
        except Overloaded:
            return "new", ""
        return state, QueueDocument(document).text(request.id) if document else ""

    def report_returned(self, request: Request | None, error: str) -> None:
        """Report an input that the platform delivers again. `error` is the code of the reason.

        `request` is None if the input could not be read.
        """
        if request is None:
            self._finished.report(self._trigger, "", "returned", 0.0, error=error)
        else:
            self._report("returned", request, error=error)

    def report_failed(self, request: Request, error: str) -> None:
        """Report an input whose document says why it failed. `error` is the document's code."""
        self._report("failed", request, error=error)

    def notify_unscored(self, request: Request | None, why: Unscored) -> None:
        """Notify the observers of an input that was not scored, and which is not counted."""
        request_id, seconds = "", 0.0
        if request is not None:
            request_id, seconds = request.id, time.perf_counter() - request.began
        self._finished.notify(self._trigger, "", why, seconds, request_id=request_id)

    async def store_provisional(
        self, request: Request, model: ModelId, *, due_s: float, wait_s: float | None = None
    ) -> State:
        """Before the last attempt: store the document that counts if no other is stored within
        `due_s` seconds.

        The request is pending until then. Returns its state before. Raises Overloaded if the cache
        is away; with `wait_s`, StoreUnavailable after so many seconds.
        """
        document = result_document.unanswered(request, TRIES_EXHAUSTED, _STOPPED, model)

        async def store() -> State:
            return await self._results.store_provisional(request, document, due_s=due_s)

        if wait_s is None:
            return await store()
        return await self._unstored.retry(store, at_most_s=wait_s)

    async def store_exhausted(self, request: Request, message: str, model: ModelId) -> str:
        """Store that no attempt is left. A later delivery may replace it."""
        self._finished.counts.requests.exhausted[self._trigger].add()
        document = result_document.unanswered(request, TRIES_EXHAUSTED, message, model)
        with contextlib.suppress(Overloaded):  # the queue gets it in any case
            await self._results.store_provisional(request, document, due_s=0.0)
        self.report_failed(request, TRIES_EXHAUSTED)
        return QueueDocument(document).text(request.id)

    async def store_answer(
        self, request: Request, answer: Answer, model: ModelId, *, wait_s: float | None = None
    ) -> str:
        """Store the answer.

        With `wait_s`, for a sender who looks in the result store alone, it raises StoreUnavailable
        if the document was not stored within so many seconds. Without, the document is kept and
        stored later, unless the queue can't carry it either. Raises Overloaded and InternalError
        if the result needs a blob that can't be written.
        """
        document = await self._succeeded(request, answer, model)
        return await self._finish(request, document, model, wait_s, answer)

    async def _succeeded(self, request: Request, answer: Answer, model: ModelId) -> QueueDocument:
        blobs = self._result_blobs
        if blobs is None or not blobs.is_configured:
            return QueueDocument(result_document.succeeded(request, answer, model))
        if len(answer.body) <= MAX_BYTES:  # most
            document = QueueDocument(result_document.succeeded(request, answer, model))
            if document.fits:
                return document
        # First the blob: a document never names one that is not there.
        blob = await blobs.write(request.id, answer)
        return QueueDocument(result_document.succeeded_in_blob(request, answer, model, blob))

    async def store_error(
        self,
        request: Request,
        error: ScoringError,
        model: ModelId,
        *,
        wait_s: float | None = None,
    ) -> str:
        """Store the error, as `store_answer` does an answer."""
        document = result_document.failed(request, error, model)
        return await self._finish(request, QueueDocument(document), model, wait_s, error)

    async def store_id_in_use(self, request: Request, model: ModelId) -> str:
        """Store, under an id made for it, that another request has the request's id."""
        named = replace(request, id=f"{request.id[:100]}.{fingerprint(request).hex()}")
        message = f"the id {request.id[:100]} names other content; send a new id"
        document = result_document.unanswered(named, ID_IN_USE.code, message, model)
        # If even that id names other content, the document is on the queue alone.
        await self._unstored.store(named, document)
        self.report_failed(request, ID_IN_USE.code)
        return QueueDocument(document).text(named.id)

    async def _finish(
        self,
        request: Request,
        document: QueueDocument,
        model: ModelId,
        wait_s: float | None,
        outcome: Answer | ScoringError | None,
    ) -> str:
        try:
            stored = await self._store(request, document, wait_s)
        except ValueError as error:
            if not isinstance(error, ConnectionError):  # see inference.ports.Cache.put
                raise
            outcome = None
            message = (
                f"the result has {len(document.content):,} bytes, too many for the cache in the"
                " process; set REDIS_URL, or send it in parts"
            )
            document = QueueDocument(result_document.unanswered(request, TOO_LARGE, message, model))
            stored = await self._store(request, document, wait_s)
        if stored is None:
            return await self.store_id_in_use(request, model)
        if isinstance(outcome, Answer):
            self._report("succeeded", request, outcome)
        else:
            self.report_failed(request, outcome.code if outcome else TOO_LARGE)
        if stored != document.content:
            document = QueueDocument(stored)
        return document.text(request.id)

    def _report(
        self,
        outcome: Outcome,
        request: Request,
        answer: Answer | None = None,
        error: str | None = None,
    ) -> None:
        self._finished.report(
            *(self._trigger, "", outcome, time.perf_counter() - request.began),
            request_id=request.id,
            cache=answer and answer.cache,
            rows=answer and answer.rows,
            error=error,
        )

    async def _store(
        self, request: Request, document: QueueDocument, wait_s: float | None
    ) -> bytes | None:
        """The document that is stored then. None if the request's id names other content."""
        if spans.recorder is None:
            return await self._store_in_time(request, document, wait_s)
        with spans.span("store result", {"triscore.request_id": request.id}, kind="client"):
            return await self._store_in_time(request, document, wait_s)

    async def _store_in_time(
        self, request: Request, document: QueueDocument, wait_s: float | None
    ) -> bytes | None:
        if wait_s is None and not document.fits:
            wait_s = GRACE_S
        if wait_s is None:
            return await self._unstored.store(request, document.content)
        return await self._unstored.retry(
            lambda: self._results.finish(request, document.content), at_most_s=wait_s
        )
