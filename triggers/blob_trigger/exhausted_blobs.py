"""Finishes blobs of which no attempt is left: each gets a document that says so.

An attempt may end with its process. Then the next process that runs finishes the blob. The platform
does not call the function for it again, so the document is sent by the SDK, not by an output
binding.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobLeaseClient, BlobServiceClient

from inference.errors import Overloaded
from inference.request import Request
from inference.serving.scorer import Scorer
from triggers.blob_trigger.blob_attempts import RENEW_S, BlobAttempts, BlobVersion
from triggers.blob_trigger.blob_checkpoints import Checkpoints
from triggers.blob_trigger.blob_output import BlobOutput
from triggers.blob_trigger.blob_report import answer_of, report_of
from triggers.delivery.outbox import TRIES_EXHAUSTED, Outbox
from triggers.storage.storage_threads import BlobThreads

log = logging.getLogger(__name__)

#: Seconds between two polls. The second is for when a last attempt may soon be over, and after a
#: poll that failed.
POLL_S, POLL_SOON_S = 300.0, 20.0

STOPPED = "the app stopped"


class ExhaustedBlobs:
    """`send` takes a document and an id for its message."""

    def __init__(
        self,
        scorer: Scorer,
        outbox: Outbox,
        *,
        account: BlobServiceClient,
        output: str,
        attempts: BlobAttempts,
        threads: BlobThreads,
        send: Callable[[str, str], object],
    ) -> None:
        self._scorer, self._outbox = scorer, outbox
        self._account, self._output = account, output
        self._attempts, self._threads, self._send = attempts, threads, send

    def __repr__(self) -> str:
        return f"<ExhaustedBlobs {self._attempts!r}>"

    @contextlib.asynccontextmanager
    async def lease(self, version: BlobVersion) -> AsyncIterator[BlobLeaseClient | None]:
        """Keep other processes from finishing the version.

        Yields None if another process finishes it now, or if storage does not answer.
        """
        lease = None
        with contextlib.suppress(AzureError):
            lease = await self._threads.storage(self._attempts.acquire_lease, version)
        renewing = None if lease is None else asyncio.create_task(self._renew(version, lease))
        try:
            yield lease
        finally:
            if renewing is not None:
                renewing.cancel()

    async def store_provisional(self, request: Request, *, due_s: float) -> None:
        """Store the document that counts if this process stops and no other finishes the blob."""
        try:
            await self._outbox.store_provisional(request, self._scorer.model, due_s=due_s)
        except Overloaded as error:
            log.debug("request %r has its marker alone: %s", request.id, error)

    async def finish(self, version: BlobVersion, why: str, lease: BlobLeaseClient | None) -> None:
        """Write the report, the result document and its message, then delete the marker.

        Raises AzureError, SettingError, ScoringError. The marker is still there then, and the next
        poll finds it.
        """
        output = BlobOutput(self._account.get_container_client(self._output), version.name)
        request = version.request()
        report = await self._threads.storage(output.read_report, version.etag)
        if report is not None and report.get("status") == "succeeded":
            # It was scored, and the process stopped before it sent the document.
            answer = answer_of(report, output)
            document = await self._outbox.store_answer(request, answer, self._scorer.model)
        else:
            most = self._attempts.max_attempts
            message = (
                f"{most} of {most} attempts failed, the last one because of: {why};"
                " remove the cause, then send it again (`./triscore requeue`) or upload it anew"
            )
            document = await self._outbox.store_exhausted(request, message, self._scorer.model)
            if await self._threads.storage(self._is_current, version):
                error = {"code": TRIES_EXHAUSTED, "message": message}
                report = report_of(version, self._scorer.model, error=error)
                await self._threads.storage(output.begin)
                await self._threads.storage(output.delete)
                await self._threads.storage(output.write_report, report)
        await self._threads.work(self._send, document, f"{version.id}-ended")
        checkpoints = Checkpoints(self._attempts.checkpoint(version), may_exist=True)
        await self._threads.storage(checkpoints.delete)
        await self._threads.storage(self._attempts.end, version, lease)
        log.warning("request %r failed, and no attempt is left: %s", version.id, why)

    async def poll(self) -> float:
        """Finish the blobs that are due. Returns the seconds until the next poll."""
        pause_s = POLL_S
        exhausted = await self._threads.storage(lambda: list(self._attempts.exhausted()))
        for version, may_run in exhausted:
            if may_run or not await self._finish_stopped(version):
                pause_s = POLL_SOON_S
        return pause_s

    async def poll_forever(self) -> None:
        while True:
            try:
                pause_s = await self.poll()
            except Exception as error:  # noqa: BLE001 - only this loop finishes them
                pause_s = POLL_SOON_S
                log.debug("%r: %s; next poll in %g s", self, type(error).__name__, pause_s)
            await asyncio.sleep(pause_s)

    async def _finish_stopped(self, version: BlobVersion) -> bool:
        """False if it can't be finished now. The others are not held up by it."""
        try:
            async with self.lease(version) as lease:
                if lease is not None:
                    await self.finish(version, STOPPED, lease)
        except Exception as error:  # noqa: BLE001 - the next poll tries again
            log.warning("request %r is not finished yet: %s", version.id, type(error).__name__)
            return False
        return True

    def _is_current(self, version: BlobVersion) -> bool:
        """Whether the output and the report of the blob's name belong to this version."""
        blob: BlobClient = self._account.get_blob_client(version.container, version.name)
        try:
            return bool(blob.get_blob_properties().etag == version.etag)
        except ResourceNotFoundError:
            return True

    async def _renew(self, version: BlobVersion, lease: BlobLeaseClient) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                await self._threads.storage(lease.renew)
            except AzureError as error:
                kind = type(error).__name__
                log.debug("the lease of request %r was not renewed: %s", version.id, kind)
