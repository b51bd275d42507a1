"""Sends the result documents of blobs to the output queue, and keeps those that it does not take.

An output binding sends after the function has returned. If it fails, the platform calls the
function again, and a few seconds of an outage use up all attempts at a blob that was scored. So the
app sends the document itself. A document that can't be sent now is kept in the blob's marker, in
the storage account. The blob is finished for the platform, and the next process that polls sends
the document when the queue takes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Sequence

from azure.core.exceptions import AzureError
from azure.storage.blob import BlobLeaseClient

from inference.counters.counts import Counts
from triggers.blob_trigger.blob_attempts import BlobAttempts, BlobVersion, Marker
from triggers.delivery import message_spans
from triggers.delivery.output_queue import Outgoing, is_of_all_messages
from triggers.storage.storage_errors import error_code
from triggers.storage.storage_threads import BlobThreads

log = logging.getLogger(__name__)

#: Seconds for one send, including the wait for the messages before it.
SEND_S = 30.0
#: Seconds between two polls while a document is kept: the first pause, which doubles, and the last.
FIRST_PAUSE_S, MAX_PAUSE_S = 1.0, 20.0
#: Kept documents that are sent at the same time.
TOGETHER = 32
#: With so many documents that were refused, or that another process sends, a poll ends.
MAX_FAILURES = 3


class DocumentDelivery:
    """`send` returns once the output queue has a message. For one event loop."""

    def __init__(
        self,
        attempts: BlobAttempts,
        threads: BlobThreads,
        send: Callable[[Outgoing], Awaitable[object]],
        counts: Counts,
    ) -> None:
        self._attempts, self._threads, self._send = attempts, threads, send
        self._counts = counts
        #: Set while a document of this process is kept.
        self.kept = asyncio.Event()
        #: Seconds until the next poll while it is set.
        self.pause_s = FIRST_PAUSE_S
        #: The queue takes no documents. Each is kept at once then.
        self._is_away = False

    def __repr__(self) -> str:
        return f"<DocumentDelivery {'queue away' if self._is_away else 'queue there'}>"

    async def deliver(
        self,
        version: BlobVersion,
        document: str,
        lease: BlobLeaseClient | None = None,
        *,
        message_id: str = "",
    ) -> bool:
        """Send a document and delete the version's marker, or keep the document in the marker.

        Returns whether it was sent. Raises AzureError if it was neither sent nor kept.
        """
        message_id = message_id or version.id
        kept = Marker(version, document, message_id)
        if not self._is_away and await self._try_to_send(kept):
            await self._delete_marker(version, lease)
            return True
        await self._threads.storage(self._attempts.keep, kept, lease)
        self.kept.set()
        self._counts.unsent_documents += 1
        return False

    async def send_kept(self, names: Sequence[str]) -> None:
        """Send the documents that are kept in these markers: all that the account has."""
        # In another order each time: a document that is refused keeps no other from being sent.
        waiting, sent, failed = random.sample(names, len(names)), 0, 0
        self._is_away = self._is_away and bool(names)
        while waiting and failed < MAX_FAILURES:
            size = TOGETHER if sent else 1  # the first one shows whether the queue is back
            batch, waiting = waiting[:size], waiting[size:]
            ended = await asyncio.gather(*map(self._send_one, batch))
            sent, failed = sent + ended.count(True), failed + ended.count(False)
            if self._is_away:
                break
        if sent:
            log.info("result documents that were sent late: %d", sent)
        self._counts.unsent_documents = len(names) - sent
        if sent < len(names):
            self.kept.set()
            self.pause_s = FIRST_PAUSE_S if sent else min(2 * self.pause_s, MAX_PAUSE_S)
        else:
            self.pause_s = FIRST_PAUSE_S

    async def pause(self, seconds: float) -> None:
        """Return after so many seconds, or soon after a document is kept."""
        if not self.kept.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self.kept.wait()
            seconds = FIRST_PAUSE_S if self.kept.is_set() else 0.0
        await asyncio.sleep(seconds)

    async def _send_one(self, name: str) -> bool:
        """Whether nothing is left to do for this marker."""
        try:
            lease = await self._threads.storage(self._attempts.acquire_lease, name)
            if lease is None:
                return False  # another process sends it
            kept = await self._threads.storage(self._attempts.read, name)
            if kept is None or not kept.document:  # it is being scored again
                await self._threads.storage(lease.release)
                return True
            if await self._try_to_send(kept):
                await self._delete_marker(kept.version, lease)
                return True
            await self._threads.storage(lease.release)
        except AzureError as error:
            log.debug("the document in marker %s was not sent: %s", name, error_code(error))
        return False

    async def _try_to_send(self, kept: Marker) -> bool:
        version = kept.version
        # A queue without sessions ignores the session.
        message = Outgoing(
            *(kept.document, kept.message_id, version.result_id, version.id),
            trace=message_spans.of_document(kept.document),
        )
        try:
            async with asyncio.timeout(SEND_S):
                await self._send(message)
        except Exception as error:  # noqa: BLE001 - the SDK raises anything
            self._log_failure(version, error)
            self._is_away = self._is_away or is_of_all_messages(error)
            return False
        self._is_away = False
        return True

    def _log_failure(self, version: BlobVersion, error: Exception) -> None:
        kind, container = type(error).__name__, self._attempts.container_name
        if not is_of_all_messages(error):
            log.warning(
                "the output queue refused the document of request %r (%s): it is kept in the"
                " container %s, and sent again",
                *(version.result_id, kind, container),
            )
        elif not self._is_away:
            log.warning(
                "the output queue takes no result documents (%s): they are kept in the container"
                " %s, and sent when it does",
                *(kind, container),
            )

    async def _delete_marker(self, version: BlobVersion, lease: BlobLeaseClient | None) -> None:
        try:
            await self._threads.storage(self._attempts.end, version, lease)
        except AzureError as error:
            log.debug("request %s: its marker was not deleted: %s", version.id, error_code(error))
