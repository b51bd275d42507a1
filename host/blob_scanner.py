"""Finds the blobs of a trigger's path that have not been processed, and processes them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobProperties

from host import blob_data, poison
from host.bindings import BlobTrigger, Function
from host.connections import Connections
from host.expressions import BlobPattern
from host.host_json import BlobOptions
from host.inputs import deferred, may_defer
from host.invoker import Invoker
from host.protos import TypedData
from host.receipts import Receipt, Receipts
from host.runtime import InvocationFailed

log = logging.getLogger(__name__)


class BlobGone(Exception):
    """The blob, or the version that was found, is not there any more."""


class BlobScanner:
    """The blobs of one function. Of each blob one version at a time is in work."""

    def __init__(
        self,
        function: Function,
        trigger: BlobTrigger,
        *,
        invoker: Invoker,
        connections: Connections,
        receipts: Receipts,
        options: BlobOptions,
    ) -> None:
        self._function, self._trigger = function, trigger
        self._invoker, self._connections, self._receipts = invoker, connections, receipts
        self._pattern = BlobPattern.parse(trigger.path)
        self._threshold = options.poison_blob_threshold
        self._slots = asyncio.Semaphore(options.max_degree_of_parallelism)
        self._defers = trigger.deferred and may_defer(function)
        self._in_work: dict[str, asyncio.Task[None]] = {}
        self._stopping = False

    def __repr__(self) -> str:
        return f"<BlobScanner {self._function.name} {self._trigger.path} {len(self._in_work)}>"

    async def scan(self) -> None:
        """Look once, and start work on what is found. Raises AzureError."""
        for blob, values in await self._connections.in_thread(self._find):
            if self._stopping:
                return
            task = asyncio.create_task(self._work(blob, values))
            self._in_work[blob.name] = task

    async def drain(self) -> None:
        """Start nothing new; return when what runs is done. Cancelled: cancel it, too."""
        self._stopping = True
        running = list(self._in_work.values())
        try:
            await asyncio.gather(*running, return_exceptions=True)
        except asyncio.CancelledError:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            raise

    def _find(self) -> list[tuple[BlobProperties, dict[str, str]]]:
        """In a thread. A container that is not there yet has no blobs."""
        container = self._connections.blobs(self._trigger.connection).get_container_client(
            self._pattern.container
        )
        found = []
        try:
            for blob in container.list_blobs(include=["metadata"]):
                values = self._pattern.match(blob.name)
                if values is None or blob.name in self._in_work:
                    continue
                receipt = self._receipt(blob)
                if receipt is None or not receipt.final:
                    found.append((blob, values))
        except ResourceNotFoundError:
            return []
        return found

    async def _work(self, blob: BlobProperties, values: Mapping[str, str]) -> None:
        try:
            async with self._slots:
                if not self._stopping:
                    await self._try(blob, values)
        except BlobGone:
            log.debug("%s: %s is gone or changed", self._function.name, blob.name)
        except AzureError as error:
            # The next look finds it again.
            log.warning(
                "function %s, blob %s/%s: storage: %s; it will be looked at again",
                *(self._function.name, blob.container, blob.name, type(error).__name__),
            )
        finally:
            del self._in_work[blob.name]

    async def _try(self, blob: BlobProperties, values: Mapping[str, str]) -> None:
        before = self._receipt(blob)
        tries = before.tries if before else 0
        if tries < self._threshold:
            tries += 1
            data = await self._data(blob)
            # Written first: a blob that kills its process must not be tried for ever.
            await self._write(blob, Receipt(tries, "running"))
            if await self._invoke(blob, values, data):
                await self._write(blob, Receipt(tries, "done"))
                return
        if tries >= self._threshold:
            await self._poison(blob, tries)

    async def _invoke(
        self, blob: BlobProperties, values: Mapping[str, str], data: TypedData
    ) -> bool:
        client = self._connections.blobs(self._trigger.connection).get_blob_client(
            blob.container, blob.name
        )
        try:
            await self._invoker.run(
                self._function,
                data,
                blob_data.metadata(blob, client.url, values),
                values={**values, "BlobTrigger": f"{blob.container}/{blob.name}"},
                identities=(f"{blob.container}/{blob.name}\n{blob.etag}",),
            )
        except InvocationFailed:
            return False
        return True

    async def _data(self, blob: BlobProperties) -> TypedData:
        if self._defers:
            return deferred(self._trigger.connection, blob.container, blob.name)
        return TypedData(bytes=await self._connections.in_thread(self._download, blob))

    def _download(self, blob: BlobProperties) -> bytes:
        client = self._connections.blobs(self._trigger.connection).get_blob_client(
            blob.container, blob.name
        )
        try:
            return client.download_blob(
                etag=blob.etag, match_condition=MatchConditions.IfNotModified
            ).readall()
        except (ResourceModifiedError, ResourceNotFoundError) as error:
            raise BlobGone from error

    async def _poison(self, blob: BlobProperties, tries: int) -> None:
        queues = self._connections.queues(self._trigger.connection)
        await self._connections.in_thread(poison.send, queues, self._function.name, blob)
        await self._write(blob, Receipt(tries, "poison"))
        log.error(
            "function %s gave up on blob %s/%s after %d tries: a message is in queue %s",
            *(self._function.name, blob.container, blob.name, tries, poison.QUEUE),
        )

    def _receipt(self, blob: BlobProperties) -> Receipt | None:
        return self._receipts.get(self._function.name, blob.container, blob.name, blob.etag)

    async def _write(self, blob: BlobProperties, receipt: Receipt) -> None:
        await self._connections.in_thread(
            self._receipts.write,
            *(self._function.name, blob.container, blob.name, blob.etag, receipt),
        )
