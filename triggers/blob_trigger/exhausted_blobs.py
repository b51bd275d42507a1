"""Blobs whose tries ran out: each ends in a failed document, made by whichever process runs next.

The platform does not call a function again for what it gave up, so there is no output binding to
carry the document: it is sent by the SDK.
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
from triggers.blob_trigger.blob_output import BlobOutput
from triggers.blob_trigger.blob_report import answer_of, report_of
from triggers.blob_trigger.storage_threads import BlobThreads
from triggers.delivery.outbox import TRIES_EXHAUSTED, Outbox

log = logging.getLogger(__name__)

#: Seconds between two looks; the second where a last try may be over by then, or a look failed.
LOOK_S, LOOK_AGAIN_S = 300.0, 20.0

STOPPED = "the app stopped while it was scored"


class ExhaustedBlobs:
    """Makes documents of what has no try left. `send` takes a document and a message's id."""

    def __init__(
        self,
        scorer: Scorer,
        outbox: Outbox,
        *,
        account: BlobServiceClient,
        output: str,
        tries: BlobAttempts,
        threads: BlobThreads,
        send: Callable[[str, str], object],
    ) -> None:
        self._scorer, self._outbox = scorer, outbox
        self._account, self._output = account, output
        self._tries, self._threads, self._send = tries, threads, send

    def __repr__(self) -> str:
        return f"<ExhaustedBlobs {self._tries!r}>"

    @contextlib.asynccontextmanager
    async def held(self, version: BlobVersion) -> AsyncIterator[BlobLeaseClient | None]:
        """While this lasts no other process ends the version; it yields None where one does, or
        storage does not tell.
        """
        lease = None
        with contextlib.suppress(AzureError):
            lease = await self._threads.storage(self._tries.hold, version)
        renewing = None if lease is None else asyncio.create_task(self._renew(lease))
        try:
            yield lease
        finally:
            if renewing is not None:
                renewing.cancel()

    async def foretell(self, request: Request, *, due_s: float) -> None:
        """Store what the request ends with if this process does, and nobody else."""
        try:
            await self._outbox.last_try(request, self._scorer.model, due_s=due_s)
        except Overloaded as error:
            log.debug("no result is foretold, but the marker stands: %s", error)

    async def end(self, version: BlobVersion, why: str, lease: BlobLeaseClient | None) -> None:
        """Report, result document and message of a version that is not tried again.

        Raises AzureError, SettingError, ScoringError: the marker is then still there, and the next
        look finds it.
        """
        output = BlobOutput(self._account.get_container_client(self._output), version.name)
        request = version.request()
        report = await self._threads.storage(output.reported, version.etag)
        if report is not None and report.get("status") == "succeeded":
            # It was scored, and the process ended before it could say so.
            answer = answer_of(report, output)
            document = await self._outbox.succeeded(request, answer, self._scorer.model)
        else:
            message = (
                f"the blob was tried {self._tries.most} times, and the last time {why}; mend the "
                "cause, and send it round again (`triscore requeue`, or upload it anew)"
            )
            document = await self._outbox.exhausted(request, message, self._scorer.model)
            if await self._threads.storage(self._is_current, version):
                error = {"code": TRIES_EXHAUSTED, "message": message}
                told = report_of(version, self._scorer.model, error=error)
                await self._threads.storage(output.remove)
                await self._threads.storage(output.report, told)
        await self._threads.work(self._send, document, f"{version.id}-ended")
        await self._threads.storage(self._tries.end, version, lease)
        log.warning("blob %s/%s ended: its tries ran out: %s", version.container, version.name, why)

    async def look(self) -> float:
        """End what is over; returns after how many seconds to look again."""
        again_s = LOOK_S
        for version, may_run in await self._threads.storage(lambda: list(self._tries.used_up())):
            if may_run or not await self._ended(version):
                again_s = LOOK_AGAIN_S
        return again_s

    async def keep_looking(self) -> None:
        """As long as the process runs."""
        while True:
            try:
                pause_s = await self.look()
            except Exception as error:  # noqa: BLE001 - nothing else would look again
                pause_s = LOOK_AGAIN_S
                log.debug("%r: %s; looking again in %g s", self, type(error).__name__, pause_s)
            await asyncio.sleep(pause_s)

    async def _ended(self, version: BlobVersion) -> bool:
        """One that can't be ended now keeps no other from its end."""
        try:
            async with self.held(version) as lease:
                if lease is not None:
                    await self.end(version, STOPPED, lease)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next look tries again
            log.warning("blob %s can't be ended yet: %s", version.name, type(error).__name__)
            return False
        return True

    def _is_current(self, version: BlobVersion) -> bool:
        """Whether output and report of that name are this version's to change."""
        blob: BlobClient = self._account.get_blob_client(version.container, version.name)
        try:
            return bool(blob.get_blob_properties().etag == version.etag)
        except ResourceNotFoundError:
            return True

    async def _renew(self, lease: BlobLeaseClient) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                await self._threads.storage(lease.renew)
            except AzureError as error:
                log.debug("a last try's lease was not renewed: %s", type(error).__name__)
