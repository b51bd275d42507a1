"""Scores a blob: writes its predictions and its report. Imports the storage SDK."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Awaitable, Callable
from functools import partial

from azure.core.exceptions import AzureError
from azure.storage.blob import BlobClient, BlobLeaseClient, ContainerClient

from inference.errors import InternalError, ScoringError, ScoringTimeout
from inference.rows.streams import require_end
from inference.serving import table_scoring
from inference.serving.batch_report import Report
from inference.serving.scorer import Scorer
from inference.tracebacks import format_error
from triggers.blob_options import NO_OPTIONS, BlobOptions
from triggers.blob_trigger import blob_spans
from triggers.blob_trigger.blob_attempts import BlobAttempts, BlobVersion
from triggers.blob_trigger.blob_checkpoints import Checkpoints, basis_of
from triggers.blob_trigger.blob_report import answer_of, report_of
from triggers.blob_trigger.blob_work import BlobWork
from triggers.blob_trigger.document_delivery import DocumentDelivery
from triggers.blob_trigger.exhausted_blobs import ExhaustedBlobs
from triggers.blob_trigger.first_read import FirstRead, unless_changed
from triggers.blob_trigger.guarded_writes import write_unless_replaced
from triggers.blob_trigger.job_monitor import MAX_STALL_S, JobMonitor
from triggers.delivery.outbox import Outbox
from triggers.retry import Retry
from triggers.statuses import ID_IN_USE
from triggers.storage.blob_format import format_for
from triggers.storage.storage_errors import (
    BlobChanged,
    BlobGone,
    LastAttemptFailed,
    as_scoring_error,
    error_code,
    is_retryable,
)
from triggers.storage.storage_threads import BlobThreads, at_once

log = logging.getLogger(__name__)

#: Before a blob that was replaced during its scoring is read again.
CHANGED_PAUSE_S = 0.5


class BlobHandler:
    """Scores one blob a call. A version of a blob is identified by its name and ETag.

    `max_attempt_s` is how long a call may take. It ends before the platform would cut it off. If
    that is infinite, a call may take as long as it makes progress.
    """

    def __init__(
        self,
        scorer: Scorer,
        outbox: Outbox,
        *,
        attempts: BlobAttempts,
        exhausted: ExhaustedBlobs,
        delivery: DocumentDelivery,
        threads: BlobThreads,
        retry: Retry,
        max_attempt_s: float,
        options: BlobOptions = NO_OPTIONS,
    ) -> None:
        self._scorer, self._outbox = scorer, outbox
        self._attempts, self._exhausted, self._threads = attempts, exhausted, threads
        self._delivery = delivery
        self._retry, self._max_attempt_s, self._options = retry, max_attempt_s, options
        self._provisional_s = min(max_attempt_s, MAX_STALL_S)

    def __repr__(self) -> str:
        return f"<BlobHandler {self._attempts!r} {self._threads!r}>"

    async def score(self, source: BlobClient, container: ContainerClient) -> str | None:
        """Score a blob and deliver its result document.

        Returns the document, or None if the blob has been deleted.
        Raises errors that outlast the retries: for the platform that was one attempt.
        """
        ends_at = asyncio.get_running_loop().time() + self._max_attempt_s
        subject, request = f"blob {source.blob_name!r}", None
        while True:
            try:
                read = await self._retried(
                    subject, ends_at, partial(FirstRead.of, source, self._threads)
                )
                work = BlobWork.of(source, container, read.properties)
                subject, request = work.subject, work.request
                with blob_spans.process(work):
                    return await self._score_version(blob_spans.traced(work), read, ends_at)
            except BlobGone:
                log.info("%s: the blob was deleted before it was read", subject)
                self._outbox.notify_unscored(request, "deleted")
                return None
            except BlobChanged:
                log.info("%s: the blob was replaced while it was read", subject)
                self._outbox.notify_unscored(request, "superseded")
                await asyncio.sleep(CHANGED_PAUSE_S)
            except LastAttemptFailed as last:  # it is reported and logged as finished
                raise last.error from last.error.__cause__
            except Exception as error:
                code = error.code if isinstance(error, ScoringError) else error_code(error)
                self._outbox.report_returned(request, code)
                log.warning("%s failed in this attempt: %s", subject, error_code(error))
                raise

    async def _score_version(self, work: BlobWork, read: FirstRead, ends_at: float) -> str:
        version, request = work.version, work.request
        deliver = partial(self._deliver, work, ends_at)
        state, document = await self._outbox.find_known(request)
        if document:
            self._outbox.notify_unscored(request, "repeated")
            return await deliver(document)
        if state == "other":
            return await deliver(await self._refuse_id(work))
        self._scorer.counts.requests.record_age("blob", work.modified_at)
        number = await self._retried(
            work.subject, ends_at, lambda: self._threads.storage(self._attempts.begin, version)
        )
        checkpoints = Checkpoints(self._attempts.checkpoint(version), may_exist=number > 1)
        is_last = number >= self._attempts.max_attempts
        async with self._exhausted.lease(version) if is_last else contextlib.nullcontext() as lease:
            renew = partial(self._exhausted.store_provisional, request, due_s=self._provisional_s)
            if is_last:
                await renew()
            attempt = partial(self._attempt, work, read, checkpoints, renew if is_last else None)
            try:
                finished = await self._retried(work.subject, ends_at, attempt)
            except BlobChanged:
                await self._delete_marker(version, checkpoints, lease)
                raise
            except Exception as error:
                if not is_last:
                    raise
                await self._exhausted.finish(version, as_scoring_error(error).message, lease)
                raise LastAttemptFailed(error) from error
            await self._delete_checkpoints(version, checkpoints)
            return await deliver(finished, lease)

    async def _deliver(
        self, work: BlobWork, ends_at: float, document: str, lease: BlobLeaseClient | None = None
    ) -> str:
        """Returns the document once it is sent, or kept where it is sent later."""
        deliver = partial(self._delivery.deliver, work.version, document, lease)
        await self._retried(work.subject, ends_at, deliver)
        return document

    async def _attempt(
        self,
        work: BlobWork,
        read: FirstRead,
        checkpoints: Checkpoints,
        renew: Callable[[], Awaitable[None]] | None,
    ) -> str:
        """The result document. Raises retryable errors and BlobChanged."""
        report = Report()
        monitor = JobMonitor(
            self._outbox.running_jobs,
            work.request.id,
            report,
            size=work.properties.size,
            stall_s=MAX_STALL_S if self._max_attempt_s == math.inf else None,
            renew=renew,
        )
        try:
            if work.error is not None:
                raise work.error
            async with monitor:
                await self._write_predictions(work, read, checkpoints, report)
        except (ScoringError, AzureError) as error:
            if is_retryable(error):
                raise
            finished = await self._fail(work, as_scoring_error(error), report)
        else:
            finished = await self._succeed(work, report)
        await monitor.forget()
        return finished

    async def _succeed(self, work: BlobWork, report: Report) -> str:
        """Write the report and store the document of a blob that was scored."""
        document = report_of(work.version, self._scorer.model, scored=report, output=work.output)
        # The output is this version's, so no newer one has ended: its version needs no check.
        await write_unless_replaced(
            self._threads, work, partial(work.output.write_report, document), known=True
        )
        answer = answer_of(document, work.output)
        return await self._outbox.store_answer(work.request, answer, self._scorer.model)

    async def _write_predictions(
        self, work: BlobWork, read: FirstRead, checkpoints: Checkpoints, report: Report
    ) -> None:
        """All of them, or none. Raises ScoringError, AzureError, BlobChanged."""
        script = await self._scorer.script()
        form = format_for(work.properties, self._options, reads_rows=script.reads_rows)
        work.output.end_with(form.output_ending(work.properties.name))
        reader = await read.begin(work, self._threads)
        work.output.require_own()
        stream = form.decompress(reader.stream)
        writer = work.output.writer(form.output_encoding)
        # The first bytes are in memory, and the writer stages no block of so few.
        in_thread = at_once if form.is_quick(work.properties.size) else self._threads.work
        basis = basis_of(script, form, work.threshold, self._scorer.settings)
        resume_from = None
        if checkpoints.may_exist:
            resume_from = await self._threads.storage(checkpoints.resume, writer, basis)
        try:
            await table_scoring.score(
                self._scorer,
                work.request_for(form.content_type),
                stream,
                writer.write,
                size=None if form.encodings else work.properties.size,
                stored_bytes=work.properties.size,
                in_thread=in_thread,
                threshold=work.threshold,
                output=form.output,
                report=report,
                position=reader.position,
                resume_from=resume_from,
                on_state=partial(checkpoints.save, writer, basis),
            )
            await in_thread(require_end, stream)
        except Exception as error:
            if reader.fault is not None:  # the format's reader may have reported it as bad input
                raise unless_changed(reader.fault) from error
            if isinstance(error, ScoringError | AzureError):
                raise
            log.error("%s: %s", work.subject, format_error(error))
            raise InternalError(type(error).__name__) from error
        commit = partial(work.output.commit, writer, form.output_type(report.content_type))
        await write_unless_replaced(self._threads, work, commit, check=work.output.require_own)

    async def _fail(self, work: BlobWork, error: ScoringError, report: Report) -> str:
        """Write the report and store the document of a blob that can't be scored."""
        await self._write_failure(work, {"code": error.code, "message": error.message}, report)
        return await self._outbox.store_error(work.request, error, self._scorer.model)

    async def _refuse_id(self, work: BlobWork) -> str:
        """End a blob whose `request_id` names other content."""
        message = f"the id {work.request.id} names other content; send a new request_id"
        await self._write_failure(work, {"code": ID_IN_USE.code, "message": message}, None)
        return await self._outbox.store_id_in_use(work.request, self._scorer.model)

    async def _write_failure(
        self, work: BlobWork, reason: dict[str, str], report: Report | None
    ) -> None:
        document = report_of(work.version, self._scorer.model, scored=report, error=reason)
        try:
            await self._threads.storage(work.output.begin)
            await write_unless_replaced(self._threads, work, work.output.delete)
            await write_unless_replaced(
                self._threads, work, partial(work.output.write_report, document)
            )
        except AzureError as refusal:
            if is_retryable(refusal):
                raise
            log.error("%s: its report was not written: %s", work.subject, error_code(refusal))

    async def _delete_marker(
        self, version: BlobVersion, checkpoints: Checkpoints, lease: BlobLeaseClient | None
    ) -> None:
        """Of a version that a newer one has replaced."""
        await self._delete_checkpoints(version, checkpoints)
        with contextlib.suppress(AzureError):
            await self._threads.storage(self._attempts.end, version, lease)

    async def _delete_checkpoints(self, version: BlobVersion, checkpoints: Checkpoints) -> None:
        if not checkpoints.may_exist:
            return
        try:
            await self._threads.storage(checkpoints.delete)
        except AzureError as error:
            code = error_code(error)
            log.debug("request %s: its checkpoints were not deleted: %s", version.id, code)

    async def _retried[T](
        self, subject: str, ends_at: float, call: Callable[[], Awaitable[T]]
    ) -> T:
        """Retry a call, until `ends_at` at the latest. Raises ScoringTimeout then."""
        try:
            async with asyncio.timeout_at(ends_at if ends_at < math.inf else None):
                return await self._retry.run(
                    call, retryable=is_retryable, on_retry=partial(_log_retry, subject)
                )
        except TimeoutError as error:
            raise ScoringTimeout(
                f"the blob was not scored within {self._max_attempt_s:g} s, the time of a call"
                " before functionTimeout of host.json; send it in parts"
            ) from error


def _log_retry(subject: str, error: Exception, pause_s: float) -> None:
    log.warning("%s: next try in %.1f s: %s", subject, pause_s, error_code(error))
