"""A blob in, the same blob with predictions out, and a report beside it.

Imports the storage SDK: triggers.blob_trigger.blob_components imports this when the first blob
comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from azure.core.exceptions import (
    AzureError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceResponseError,
)
from azure.storage.blob import BlobClient, BlobLeaseClient, BlobProperties, ContainerClient

from inference import tracebacks
from inference.errors import InternalError, ScoringError, ScoringTimeout
from inference.request import Request
from inference.rows import decompression
from inference.serving import table_scoring
from inference.serving.scorer import Scorer
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
    code_of,
    passes,
)
from triggers.blob_trigger.storage_threads import BlobThreads
from triggers.delivery.outbox import Outbox
from triggers.retry import Retry

log = logging.getLogger(__name__)

#: Before another look at a blob that was replaced while it was read.
CHANGED_PAUSE_S = 0.5


class BlobHandler:
    """One blob at a time a call; a version of a blob is known by its name and ETag.

    `try_s` is how long a call may take. It ends before the platform would cut it off.
    """

    def __init__(
        self,
        scorer: Scorer,
        outbox: Outbox,
        *,
        tries: BlobAttempts,
        endings: ExhaustedBlobs,
        threads: BlobThreads,
        retry: Retry,
        try_s: float,
    ) -> None:
        self._scorer, self._outbox = scorer, outbox
        self._tries, self._endings, self._threads = tries, endings, threads
        self._retry, self._try_s = retry, try_s

    def __repr__(self) -> str:
        return f"<BlobHandler {self._tries!r} {self._threads!r}>"

    async def score(self, source: BlobClient, container: ContainerClient) -> str | None:
        """Score a blob; returns its result document, None where there is no blob any more.

        Raises what did not pass within the bounds: to the platform that was one try.
        """
        ends_at = asyncio.get_running_loop().time() + self._try_s
        while True:
            try:
                return await self._version(source, container, ends_at)
            except BlobGone:
                log.info("blob %s was deleted before it was read", source.blob_name)
                return None
            except BlobChanged:
                log.info("blob %s was replaced while it was read", source.blob_name)
                await asyncio.sleep(CHANGED_PAUSE_S)
            except Exception as error:
                self._outbox.returned()
                log.warning("blob %s comes again: %s", source.blob_name, code_of(error))
                raise

    async def _version(self, source: BlobClient, container: ContainerClient, ends_at: float) -> str:
        properties = await self._bounded(ends_at, lambda: self._properties(source))
        request = _request(properties)
        if document := await self._outbox.finished_before(request):
            return document
        version = _version_of(properties, request)
        number = await self._bounded(
            ends_at, lambda: self._threads.storage(self._tries.begin, version)
        )
        is_last = number >= self._tries.most
        async with self._endings.held(version) if is_last else contextlib.nullcontext() as lease:
            if is_last:
                await self._endings.foretell(request, due_s=self._try_s)
            work = _Work(version, request, properties, source, BlobOutput(container, version.name))
            try:
                done = await self._bounded(ends_at, lambda: self._attempt(work))
            except BlobChanged:
                done = None
            except Exception as error:
                if is_last:
                    why = f"it failed: {as_scoring_error(error).message}"
                    await self._endings.end(version, why, lease)
                raise
            await self._settled(version, lease)
        if done is None:
            raise BlobChanged
        return done

    async def _attempt(self, work: _Work) -> str:
        """The result document. Raises what passes, and BlobChanged."""
        try:
            report = await self._scored(work)
        except (ScoringError, AzureError) as error:
            if passes(error):
                raise
            return await self._failed(work, as_scoring_error(error))
        told = report_of(work.version, self._scorer.model, scored=report)
        await self._threads.storage(work.output.report, told)
        answer = answer_of(told, work.output)
        return await self._outbox.succeeded(work.request, answer, self._scorer.model)

    async def _scored(self, work: _Work) -> table_scoring.Report:
        """Output written, whole. Raises ScoringError, AzureError, BlobChanged."""
        script = await self._scorer.script()
        form = (format_of if script.reads_rows else type_of)(work.properties)
        encoding = work.properties.content_settings.content_encoding or ""
        reader = await self._read(work)
        stream = decompression.unpacked(reader.stream, encoding)
        writer = await self._threads.storage(work.output.writer)
        try:
            request = work.request.with_content_type(form)
            report = await table_scoring.score(
                self._scorer,
                request,
                stream,
                writer.write,
                size=None if encoding else work.properties.size,
                in_thread=self._threads.work,
            )
            await self._threads.work(decompression.require_end, stream)
        except Exception as error:
            if reader.fault is not None:  # whatever a format's reader made of it
                raise _unless_changed(reader.fault) from error
            if isinstance(error, ScoringError | AzureError):
                raise
            log.error("%s", tracebacks.format_error(error))
            raise InternalError(type(error).__name__) from error
        await self._threads.storage(writer.commit, report.content_type)
        return report

    async def _read(self, work: _Work) -> BlobReader:
        try:
            return await self._threads.storage(BlobReader, work.source, work.properties)
        except AzureError as error:
            raise _unless_changed(error) from error

    async def _failed(self, work: _Work, error: ScoringError) -> str:
        """Report and document of a blob of which nothing can be scored."""
        why = {"code": error.code, "message": error.message}
        told = report_of(work.version, self._scorer.model, error=why)
        try:
            await self._threads.storage(work.output.remove)
            await self._threads.storage(work.output.report, told)
        except AzureError as refusal:
            if passes(refusal):
                raise
            log.error("no report %s: %s", work.output.report_place, code_of(refusal))
        return await self._outbox.failed(work.request, error, self._scorer.model)

    async def _settled(self, version: BlobVersion, lease: BlobLeaseClient | None) -> None:
        try:
            await self._threads.storage(self._tries.end, version, lease)
        except AzureError as error:
            log.debug("a marker of %s stays: %s", version.name, code_of(error))

    async def _properties(self, source: BlobClient) -> BlobProperties:
        try:
            found = await self._threads.storage(source.get_blob_properties)
        except ResourceNotFoundError as error:
            raise BlobGone from error
        if not found.etag:
            raise ServiceResponseError("an answer without an ETag")
        return found

    async def _bounded[T](self, ends_at: float, call: Callable[[], Awaitable[T]]) -> T:
        """Wait out what passes, and no longer than a call may take. Raises ScoringTimeout."""
        try:
            async with asyncio.timeout_at(ends_at):
                return await self._retry.run(call, passes=passes, noted=_waits)
        except TimeoutError as error:
            raise ScoringTimeout(
                f"it was not done within {self._try_s:g} s, after which a call is given back "
                "before functionTimeout of host.json cuts it off; send it in parts"
            ) from error


@dataclass(frozen=True, slots=True)
class _Work:
    """What one call is about."""

    version: BlobVersion
    request: Request
    properties: BlobProperties
    source: BlobClient
    output: BlobOutput


def _request(properties: BlobProperties) -> Request:
    name = f"{properties.container}/{properties.name}"
    version = hashlib.sha256(f"{name}\n{properties.etag}".encode()).hexdigest()[:32]
    headers = {"x-blob-name": name, "x-blob-etag": str(properties.etag)}
    # Named as the storage service itself names them.
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
    """The error, or that the blob which was to be read is not there any more."""
    changed = isinstance(error, ResourceModifiedError | ResourceNotFoundError)
    return BlobChanged() if changed else error


def _waits(error: Exception, pause_s: float) -> None:
    log.warning("a blob waits %.1f s: %s", pause_s, code_of(error))
