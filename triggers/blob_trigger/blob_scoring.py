"""Scores a blob: writes its predictions and its report. Imports the storage SDK."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from azure.core.exceptions import (
    AzureError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceResponseError,
)
from azure.storage.blob import BlobClient, BlobLeaseClient, BlobProperties, ContainerClient

from inference.errors import InternalError, ScoringError, ScoringTimeout
from inference.request import Request
from inference.rows import decompression
from inference.serving import table_scoring
from inference.serving.scorer import Scorer
from inference.tracebacks import format_error
from triggers.blob_trigger.blob_attempts import BlobAttempts, BlobVersion
from triggers.blob_trigger.blob_format import format_of, type_of
from triggers.blob_trigger.blob_output import BlobOutput
from triggers.blob_trigger.blob_report import answer_of, report_of
from triggers.blob_trigger.blob_streams import BlobReader
from triggers.blob_trigger.exhausted_blobs import ExhaustedBlobs
from triggers.blob_trigger.storage_errors import (
    BlobChanged,
    BlobGone,
    as_scoring_error,
    error_code,
    is_retryable,
)
from triggers.blob_trigger.storage_threads import BlobThreads
from triggers.delivery.outbox import Outbox
from triggers.retry import Retry

log = logging.getLogger(__name__)

#: Before a blob that was replaced during its scoring is read again.
CHANGED_PAUSE_S = 0.5


class BlobHandler:
    """Scores one blob a call. A version of a blob is identified by its name and ETag.

    `max_attempt_s` is how long a call may take. It ends before the platform would cut it off.
    """

    def __init__(
        self,
        scorer: Scorer,
        outbox: Outbox,
        *,
        attempts: BlobAttempts,
        exhausted: ExhaustedBlobs,
        threads: BlobThreads,
        retry: Retry,
        max_attempt_s: float,
    ) -> None:
        self._scorer, self._outbox = scorer, outbox
        self._attempts, self._exhausted, self._threads = attempts, exhausted, threads
        self._retry, self._max_attempt_s = retry, max_attempt_s

    def __repr__(self) -> str:
        return f"<BlobHandler {self._attempts!r} {self._threads!r}>"

    async def score(self, source: BlobClient, container: ContainerClient) -> str | None:
        """Score a blob. Returns its result document, or None if the blob has been deleted.

        Raises errors that outlast the retries: for the platform that was one attempt.
        """
        ends_at = asyncio.get_running_loop().time() + self._max_attempt_s
        subject = f"blob {source.blob_name}"
        while True:
            try:
                properties = await self._retried(subject, ends_at, lambda: self._properties(source))
                request = _request(properties)
                subject = f"request {request.id} (blob {source.blob_name})"
                work = _Work(
                    _version_of(properties, request),
                    request,
                    properties,
                    source,
                    BlobOutput(container, properties.name),
                    subject,
                )
                return await self._score_version(work, ends_at)
            except BlobGone:
                log.info("%s: the blob was deleted before it was read", subject)
                return None
            except BlobChanged:
                log.info("%s: the blob was replaced while it was read", subject)
                await asyncio.sleep(CHANGED_PAUSE_S)
            except Exception as error:
                self._outbox.count_returned()
                log.warning("%s failed in this attempt: %s", subject, error_code(error))
                raise

    async def _score_version(self, work: _Work, ends_at: float) -> str:
        version, request = work.version, work.request
        if document := await self._outbox.find_document(request):
            return document
        number = await self._retried(
            work.subject, ends_at, lambda: self._threads.storage(self._attempts.begin, version)
        )
        is_last = number >= self._attempts.max_attempts
        async with self._exhausted.lease(version) if is_last else contextlib.nullcontext() as lease:
            if is_last:
                await self._exhausted.store_provisional(request, due_s=self._max_attempt_s)
            try:
                finished = await self._retried(work.subject, ends_at, lambda: self._attempt(work))
            except BlobChanged:
                finished = None
            except Exception as error:
                if is_last:
                    await self._exhausted.finish(version, as_scoring_error(error).message, lease)
                raise
            await self._delete_marker(version, lease)
        if finished is None:
            raise BlobChanged
        return finished

    async def _attempt(self, work: _Work) -> str:
        """The result document. Raises retryable errors and BlobChanged."""
        try:
            scored = await self._write_predictions(work)
        except (ScoringError, AzureError) as error:
            if is_retryable(error):
                raise
            return await self._fail(work, as_scoring_error(error))
        report = report_of(work.version, self._scorer.model, scored=scored)
        await self._threads.storage(work.output.write_report, report)
        answer = answer_of(report, work.output)
        return await self._outbox.store_answer(work.request, answer, self._scorer.model)

    async def _write_predictions(self, work: _Work) -> table_scoring.Report:
        """All of them, or none. Raises ScoringError, AzureError, BlobChanged."""
        script = await self._scorer.script()
        form = (format_of if script.reads_rows else type_of)(work.properties)
        encoding = work.properties.content_settings.content_encoding or ""
        reader = await self._open(work)
        stream = decompression.unpacked(reader.stream, encoding)
        writer = await self._threads.storage(work.output.writer)
        try:
            report = await table_scoring.score(
                self._scorer,
                work.request.with_content_type(form),
                stream,
                writer.write,
                size=None if encoding else work.properties.size,
                in_thread=self._threads.work,
            )
            await self._threads.work(decompression.require_end, stream)
        except Exception as error:
            if reader.fault is not None:  # the format's reader may have reported it as bad input
                raise _unless_changed(reader.fault) from error
            if isinstance(error, ScoringError | AzureError):
                raise
            log.error("%s: %s", work.subject, format_error(error))
            raise InternalError(type(error).__name__) from error
        await self._threads.storage(writer.commit, report.content_type)
        return report

    async def _open(self, work: _Work) -> BlobReader:
        try:
            return await self._threads.storage(BlobReader, work.source, work.properties)
        except AzureError as error:
            raise _unless_changed(error) from error

    async def _fail(self, work: _Work, error: ScoringError) -> str:
        """Write the report and store the document of a blob that can't be scored."""
        reason = {"code": error.code, "message": error.message}
        report = report_of(work.version, self._scorer.model, error=reason)
        try:
            await self._threads.storage(work.output.delete)
            await self._threads.storage(work.output.write_report, report)
        except AzureError as refusal:
            if is_retryable(refusal):
                raise
            log.error("%s: its report was not written: %s", work.subject, error_code(refusal))
        return await self._outbox.store_error(work.request, error, self._scorer.model)

    async def _delete_marker(self, version: BlobVersion, lease: BlobLeaseClient | None) -> None:
        try:
            await self._threads.storage(self._attempts.end, version, lease)
        except AzureError as error:
            log.debug("request %s: its marker was not deleted: %s", version.id, error_code(error))

    async def _properties(self, source: BlobClient) -> BlobProperties:
        try:
            properties = await self._threads.storage(source.get_blob_properties)
        except ResourceNotFoundError as error:
            raise BlobGone from error
        if not properties.etag:
            raise ServiceResponseError("a response without an ETag")
        return properties

    async def _retried[T](
        self, subject: str, ends_at: float, call: Callable[[], Awaitable[T]]
    ) -> T:
        """Retry a call, until `ends_at` at the latest. Raises ScoringTimeout then."""
        try:
            async with asyncio.timeout_at(ends_at):
                return await self._retry.run(
                    call, retryable=is_retryable, on_retry=partial(_log_retry, subject)
                )
        except TimeoutError as error:
            raise ScoringTimeout(
                f"the blob was not scored within {self._max_attempt_s:g} s, the time of a call"
                " before functionTimeout of host.json; send it in parts"
            ) from error


@dataclass(frozen=True, slots=True)
class _Work:
    """What one call scores. `subject` names it in log lines."""

    version: BlobVersion
    request: Request
    properties: BlobProperties
    source: BlobClient
    output: BlobOutput
    subject: str


def _request(properties: BlobProperties) -> Request:
    name = f"{properties.container}/{properties.name}"
    version = hashlib.sha256(f"{name}\n{properties.etag}".encode()).hexdigest()[:32]
    headers = {"x-blob-name": name, "x-blob-etag": str(properties.etag)}
    # Under the storage service's own names.
    for key, value in (properties.metadata or {}).items():
        headers[f"x-ms-meta-{key.lower()}"] = value
    return Request(id=version, source="blob", body=b"", headers=headers, deadline=math.inf)


def _version_of(properties: BlobProperties, request: Request) -> BlobVersion:
    return BlobVersion(
        id=request.id,
        container=properties.container,
        name=properties.name,
        etag=properties.etag,
        received_at=request.received_at,
    )


def _unless_changed(error: AzureError) -> Exception:
    """BlobChanged if the version is gone, else the error."""
    changed = isinstance(error, ResourceModifiedError | ResourceNotFoundError)
    return BlobChanged() if changed else error


def _log_retry(subject: str, error: Exception, pause_s: float) -> None:
    log.warning("%s: next try in %.1f s: %s", subject, pause_s, error_code(error))
