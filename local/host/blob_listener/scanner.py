"""Finds and processes the new blobs of one trigger's path."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobProperties

from local.host.app.bindings import BlobTrigger, Function, Identity
from local.host.app.connections import Connections
from local.host.app.expressions import BlobPattern
from local.host.app.inputs import blob_reference, can_defer
from local.host.app.invoker import Invoker
from local.host.app.protos import TypedData
from local.host.app.runtime import InvocationFailed
from local.host.blob_listener import blob_metadata, poison
from local.host.blob_listener.receipts import Receipt, Receipts
from local.host.host_json import BlobOptions

log = logging.getLogger(__name__)

#: Seconds between two tries of a blob; the real host takes 0.1 to 0.5 s.
RETRY_S = 0.2

#: While more blobs than this wait or are processed, the container is not listed again: a listing
#: takes the account and this process 0.4 ms a blob, also of those that are found already.
ENOUGH = 200


class BlobGone(Exception):
    """The version of the blob that was found does not exist any more."""


class BlobScanner:
    """Processes the blobs of one function, one version of a blob at a time."""

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
        self._by_reference = trigger.is_deferred and can_defer(function)
        self._processing: dict[str, asyncio.Task[None]] = {}
        self._stopping = False
        self._container_url = ""

    def __repr__(self) -> str:
        return f"<BlobScanner {self._function.name} {self._trigger.path} {len(self._processing)}>"

    @property
    def is_busy(self) -> bool:
        return bool(self._processing)

    async def scan(self) -> None:
        """List the container once and start processing the new blobs, unless enough are found.

        Raises the error that ended the listing, after starting what was found before it.
        """
        if len(self._processing) > ENOUGH:
            return
        found, error = await self._connections.in_thread(self._find)
        for blob, values in found:
            if self._stopping:
                return
            task = asyncio.create_task(self._process(blob, values))
            self._processing[blob.name] = task
        if error is not None:
            raise error

    async def drain(self) -> None:
        """Start nothing new. Return when running invocations have finished."""
        self._stopping = True
        await asyncio.gather(*self._processing.values(), return_exceptions=True)

    async def cancel(self) -> None:
        """Start nothing new and cancel running invocations."""
        self._stopping = True
        running = list(self._processing.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _find(self) -> tuple[list[tuple[BlobProperties, dict[str, str]]], Exception | None]:
        """New blobs with their placeholders' values, and the error that ended the listing, if any.

        Blocks. A container that does not exist yet has no blobs.
        """
        container = self._connections.blobs(self._trigger.connection).get_container_client(
            self._pattern.container
        )
        found = []
        try:
            for blob in container.list_blobs(include=["metadata"]):
                values = self._pattern.match(blob.name)
                if values is None or blob.name in self._processing:
                    continue
                receipt = self._receipt(blob)
                if receipt is None or not receipt.is_final:
                    found.append((blob, values))
        except ResourceNotFoundError:
            return [], None
        except Exception as error:  # noqa: BLE001 - raised by scan()
            return found, error
        return found, None

    async def _process(self, blob: BlobProperties, values: Mapping[str, str]) -> None:
        """Raises nothing: the next scan finds a blob without a final receipt again."""
        try:
            async with self._slots:
                await self._try_until_final(blob, values)
        except BlobGone:
            log.debug("function %s: blob %s was deleted or changed", self._function.name, blob.name)
        except Exception as error:  # noqa: BLE001 - see above
            what = "storage: " if isinstance(error, AzureError) else ""
            log.warning(
                "function %s, blob %s/%s: %s%s; the next scan retries it",
                *(self._function.name, blob.container, blob.name, what, type(error).__name__),
            )
        finally:
            del self._processing[blob.name]

    async def _try_until_final(self, blob: BlobProperties, values: Mapping[str, str]) -> None:
        """Try until success, or until the poison threshold is reached."""
        before = self._receipt(blob)
        tries = before.tries if before else 0
        while tries < self._threshold and not self._stopping:
            tries += 1
            if await self._try(blob, values, tries):
                return
            if tries < self._threshold:
                await asyncio.sleep(RETRY_S)
                await self._connections.in_thread(self._require_unchanged, blob)
        if tries >= self._threshold:
            await self._poison(blob, tries)

    async def _try(self, blob: BlobProperties, values: Mapping[str, str], number: int) -> bool:
        """Returns whether the function succeeded.

        Raises AzureError and BlobGone, which do not count as failures of the function.
        """
        try:
            data = await self._data(blob)
            # Before the try, so that a blob that kills its process is not tried for ever.
            await self._write(blob, Receipt(number, "running"))
            await self._invoke(blob, values, data)
        except InvocationFailed:
            return False
        except (AzureError, BlobGone):
            raise
        except Exception as error:  # noqa: BLE001 - counts as a failed try
            log.error(
                "function %s, blob %s/%s: %s: %s",
                *(self._function.name, blob.container, blob.name, type(error).__name__, error),
            )
            return False
        await self._write(blob, Receipt(number, "done"))
        return True

    async def _invoke(
        self, blob: BlobProperties, values: Mapping[str, str], data: TypedData
    ) -> None:
        await self._invoker.run(
            self._function,
            data,
            blob_metadata.metadata(blob, self._url(blob), values),
            values={**values, "BlobTrigger": f"{blob.container}/{blob.name}"},
            identities=(Identity(f"{blob.container}/{blob.name}\n{blob.etag}"),),
        )

    async def _data(self, blob: BlobProperties) -> TypedData:
        if self._by_reference:
            return blob_reference(self._trigger.connection, blob.container, blob.name)
        return TypedData(bytes=await self._connections.in_thread(self._download, blob))

    def _download(self, blob: BlobProperties) -> bytes:
        with _detect_change():
            return (
                self._client(blob)
                .download_blob(etag=blob.etag, match_condition=MatchConditions.IfNotModified)
                .readall()
            )

    def _require_unchanged(self, blob: BlobProperties) -> None:
        """Raises BlobGone if the blob has changed; the next scan finds its new version."""
        with _detect_change():
            self._client(blob).get_blob_properties(
                etag=blob.etag, match_condition=MatchConditions.IfNotModified
            )

    def _client(self, blob: BlobProperties) -> BlobClient:
        account = self._connections.blobs(self._trigger.connection)
        return account.get_blob_client(blob.container, blob.name)

    def _url(self, blob: BlobProperties) -> str:
        """That of a client, which takes 0.2 ms to make."""
        if not self._container_url:
            account = self._connections.blobs(self._trigger.connection)
            self._container_url = account.get_container_client(blob.container).url
        url, mark, query = self._container_url.partition("?")
        return f"{url}/{quote(blob.name, safe='~/')}{mark}{query}"

    async def _poison(self, blob: BlobProperties, tries: int) -> None:
        queues = self._connections.queues(self._trigger.connection)
        await self._connections.in_thread(poison.send, queues, self._function.name, blob)
        await self._write(blob, Receipt(tries, "poison"))
        log.error(
            "function %s gave up on blob %s/%s after %d %s: a message is in queue %s",
            *(self._function.name, blob.container, blob.name),
            *(tries, "try" if tries == 1 else "tries", poison.QUEUE),
        )

    def _receipt(self, blob: BlobProperties) -> Receipt | None:
        return self._receipts.get(self._function.name, blob.container, blob.name, blob.etag)

    async def _write(self, blob: BlobProperties, receipt: Receipt) -> None:
        await self._connections.in_thread(
            self._receipts.write,
            *(self._function.name, blob.container, blob.name, blob.etag, receipt),
        )


@contextlib.contextmanager
def _detect_change() -> Iterator[None]:
    try:
        yield
    except (ResourceModifiedError, ResourceNotFoundError) as error:
        raise BlobGone from error
