"""Finishes blobs of which no attempt is left: each gets a document that says so.

An attempt may end with its process. The platform does not call the function for the blob again, so
the next process that runs finishes it, and sends the documents that were not sent before.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobLeaseClient, BlobServiceClient

from inference.errors import Overloaded
from inference.request import Request
from inference.serving.scorer import Scorer
from triggers.blob_trigger.blob_attempts import RENEW_S, BlobAttempts, BlobVersion
from triggers.blob_trigger.blob_checkpoints import Checkpoints
from triggers.blob_trigger.blob_output import BlobOutput
from triggers.blob_trigger.blob_report import answer_of, report_of
from triggers.blob_trigger.document_delivery import DocumentDelivery
from triggers.delivery.outbox import TRIES_EXHAUSTED, Outbox
from triggers.storage.storage_threads import BlobThreads

log = logging.getLogger(__name__)

#: Seconds between two polls. The second is for when a last attempt may soon be over, and after a
#: poll that failed. Documents that were not sent have shorter pauses: see DocumentDelivery.
POLL_S, POLL_SOON_S = 60.0, 20.0

STOPPED = "the app stopped"


class ExhaustedBlobs:
    def __init__(
        self,
        scorer: Scorer,
        outbox: Outbox,
        *,
        account: BlobServiceClient,
        output: str,
        attempts: BlobAttempts,
        threads: BlobThreads,
        delivery: DocumentDelivery,
    ) -> None:
        self._scorer, self._outbox = scorer, outbox
        self._account, self._output = account, output
        self._attempts, self._threads, self._delivery = attempts, threads, delivery

    def __repr__(self) -> str:
        return f"<ExhaustedBlobs {self._attempts!r}>"

    @contextlib.asynccontextmanager
    async def lease(self, version: BlobVersion) -> AsyncIterator[BlobLeaseClient | None]:
        """Keep other processes from finishing the version.

        Yields None if another process finishes it now, or if storage does not answer.
        """
        lease = None
        with contextlib.suppress(AzureError):
            lease = await self._threads.storage(self._attempts.acquire_lease, version.id)
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
        """Write the report and the result document, then deliver it.

        Raises AzureError, ScoringError. The next poll tries again then.
        """
        output = BlobOutput(self._account.get_container_client(self._output), version.name)
        request = version.request()
        report = await self._threads.storage(output.read_report, version.etag)
        _, document = await self._outbox.find_known(request)
        if document:
            pass  # it was stored, and the process stopped before it was sent
        elif report is not None and report.get("status") == "succeeded":
            # It was scored, and the process stopped before the document was stored.
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
        checkpoints = Checkpoints(self._attempts.checkpoint(version), may_exist=True)
        await self._threads.storage(checkpoints.delete)
        await self._delivery.deliver(version, document, lease, message_id=f"{version.id}-ended")
        log.warning("request %r failed, and no attempt is left: %s", version.id, why)

    async def poll(self) -> float:
        """Finish the blobs that are due, and send the documents that were not sent.

        Returns the seconds until the next poll.
        """
        self._delivery.kept.clear()
        due = await self._threads.storage(self._attempts.due)
        finished = [await self._finish_stopped(name) for name in due.exhausted]
        await self._delivery.send_kept(due.unsent)
        pause_s = POLL_S if all(finished) and not due.last else POLL_SOON_S
        return min(pause_s, self._delivery.pause_s) if self._delivery.kept.is_set() else pause_s

    async def poll_forever(self) -> None:
        while True:
            try:
                pause_s = await self.poll()
            except Exception as error:  # noqa: BLE001 - only this loop finishes them
                pause_s = POLL_SOON_S
                log.debug("%r: %s; next poll in %g s", self, type(error).__name__, pause_s)
            await self._delivery.pause(pause_s)

    async def _finish_stopped(self, name: str) -> bool:
        """False if it can't be finished now. The others are not held up by it."""
        try:
            marker = await self._threads.storage(self._attempts.read, name)
            if marker is None:
                return True
            async with self.lease(marker.version) as lease:
                if lease is not None:
                    await self.finish(marker.version, STOPPED, lease)
        except Exception as error:  # noqa: BLE001 - the next poll tries again
            log.warning("request %r is not finished yet: %s", name, type(error).__name__)
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
