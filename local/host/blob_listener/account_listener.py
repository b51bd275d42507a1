"""Scans one storage account for new blobs, about once a second, in one worker at a time.

A lease decides which worker scans. After an error the next scan comes later and later, and the
lease is released so that another worker can try.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import re
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from azure.core.exceptions import AzureError

from local.host.app.bindings import BlobTrigger, Function
from local.host.app.connections import Connections
from local.host.app.invoker import Invoker
from local.host.backoff import Backoff
from local.host.blob_listener.lease import RENEW_S, ScanLease
from local.host.blob_listener.receipts import Receipts
from local.host.blob_listener.scanner import BlobScanner
from local.host.host_json import BlobOptions

log = logging.getLogger(__name__)

#: The storage container of leases and receipts, and the setting of the app's name in it; both as
#: in Azure.
CONTAINER = "azure-webjobs-hosts"
HOST_ID_SETTING = "AzureFunctionsWebHost__hostid"

#: Seconds between two scans; after a slow scan, PAUSE_FACTOR times its duration, so that scanning
#: takes at most a fifth of the time.
SCAN_S = 1.0
PAUSE_FACTOR = 4.0
#: The longest pause after failed scans.
MAX_PAUSE_S = 30.0


def blob_listeners(
    functions: Iterable[Function],
    invoker: Invoker,
    connections: Connections,
    options: BlobOptions,
) -> Iterator[BlobListener]:
    """A listener for each storage account."""
    by_connection: dict[str, list[tuple[Function, BlobTrigger]]] = {}
    for function in functions:
        if isinstance(trigger := function.trigger, BlobTrigger):
            by_connection.setdefault(trigger.connection, []).append((function, trigger))
    for name, group in by_connection.items():
        yield BlobListener(name, group, invoker, connections, options)


class BlobListener:
    """Scans one storage account for all its functions while it holds the account's lease."""

    def __init__(
        self,
        connection: str,
        functions: Iterable[tuple[Function, BlobTrigger]],
        invoker: Invoker,
        connections: Connections,
        options: BlobOptions,
    ) -> None:
        host_id = _host_id(Path.cwd(), os.environ)
        container = connections.blobs(connection).get_container_client(CONTAINER)
        self._connection, self._connections = connection, connections
        self._lease = ScanLease(container, host_id)
        self._receipts = Receipts(container, host_id)
        self._scanners = [
            BlobScanner(
                function,
                trigger,
                invoker=invoker,
                connections=connections,
                receipts=self._receipts,
                options=options,
            )
            for function, trigger in functions
        ]
        self._backoff = Backoff(f"storage account of {connection}")
        #: Whether the receipts have been loaded since the lease was acquired.
        self._receipts_loaded = False
        self._failures = 0
        self._stopping = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        for function, trigger in functions:
            if trigger.source == "EventGrid":
                log.warning(
                    "function %s: there is no Event Grid here; its container is scanned instead",
                    function.name,
                )

    def __repr__(self) -> str:
        return f"<BlobListener {self._connection} {self._lease!r}>"

    async def start(self) -> None:
        self._running = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Return when running invocations have finished. If cancelled, cancel them."""
        self._stopping.set()
        if self._running is not None:
            await self._running

    async def _run(self) -> None:
        """Keep the lease until the end: another scanner would process the same blobs again."""
        renewing = asyncio.create_task(self._renew())
        try:
            while not self._stopping.is_set():
                await self._pause(await self._scan_once())
            await asyncio.gather(*(scanner.drain() for scanner in self._scanners))
        finally:
            renewing.cancel()
            # After a drain nothing is left to cancel.
            await asyncio.gather(*(scanner.cancel() for scanner in self._scanners))
            await self._release()

    async def _scan_once(self) -> float:
        """Returns the seconds to wait before the next scan. Raises nothing."""
        started = time.monotonic()
        try:
            await self._scan()
        except AzureError as error:
            return self._backoff.failed(error)
        except Exception as error:  # noqa: BLE001 - scanning must go on
            return await self._failed(error)
        self._failures = 0
        # The first scan after an outage is slow for other reasons.
        was_away = self._backoff.succeeded()
        took_s = 0.0 if was_away else time.monotonic() - started
        return max(SCAN_S, PAUSE_FACTOR * took_s)

    async def _scan(self) -> None:
        """Scan for each function, even if another one's scan fails. Raises the first error."""
        if not self._lease.held:
            self._receipts_loaded = False
            if not await self._connections.in_thread(self._lease.acquire):
                return
        if not self._receipts_loaded:
            await self._connections.in_thread(self._receipts.load)
            self._receipts_loaded = True
        results = await asyncio.gather(
            *(scanner.scan() for scanner in self._scanners), return_exceptions=True
        )
        for error in results:
            if error is not None:
                raise error

    async def _failed(self, error: Exception) -> float:
        """After an unexpected error: let another process try, unless blobs are being processed."""
        self._failures += 1
        pause_s = min(SCAN_S * float(2**self._failures), MAX_PAUSE_S)
        log.error(
            "scanning the storage account of %s failed (%s at %s): retrying in %g s",
            *(self._connection, type(error).__name__, _location(error), pause_s),
        )
        if not any(scanner.is_busy for scanner in self._scanners):
            await self._release()
        return pause_s

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                await self._connections.in_thread(self._lease.renew)
            except Exception as error:  # noqa: BLE001 - a lost lease is acquired again
                log.debug("%r: %s", self._lease, type(error).__name__)

    async def _release(self) -> None:
        try:
            await self._connections.in_thread(self._lease.release)
        except Exception as error:  # noqa: BLE001 - the lease expires by itself
            log.debug("%r: %s", self._lease, type(error).__name__)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


def _location(error: BaseException) -> str:
    """The file and line where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown"


def _host_id(app_dir: Path, env: Mapping[str, str]) -> str:
    """The setting's value, or a name derived from the app's folder."""
    if configured := env.get(HOST_ID_SETTING):
        return configured
    digest = hashlib.sha256(str(app_dir).encode()).hexdigest()[:8]
    name = re.sub("[^a-z0-9]+", "-", app_dir.name.lower()).strip("-")[:20]
    return f"{name}-{digest}" if name else digest
