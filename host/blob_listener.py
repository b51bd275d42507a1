"""Brings blobs to their functions: one scanner over all workers, every second or so."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from azure.core.exceptions import AzureError

from host.bindings import BlobTrigger, Function
from host.blob_scanner import BlobScanner
from host.connections import Connections
from host.host_id import CONTAINER, host_id
from host.host_json import BlobOptions
from host.invoker import Invoker
from host.lease import RENEW_S, ScanLease
from host.outage import Outage
from host.receipts import Receipts

log = logging.getLogger(__name__)

#: Between two looks; longer where a look takes long, so that looking takes a fifth of the time.
SCAN_S = 1.0
SCAN_SHARE = 4.0


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
    """Scans one storage account while it holds that account's lease."""

    def __init__(
        self,
        connection: str,
        functions: Iterable[tuple[Function, BlobTrigger]],
        invoker: Invoker,
        connections: Connections,
        options: BlobOptions,
    ) -> None:
        own = host_id(Path.cwd(), os.environ)
        container = connections.blobs(connection).get_container_client(CONTAINER)
        self._connection, self._connections = connection, connections
        self._lease = ScanLease(container, own)
        self._receipts = Receipts(container, own)
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
        self._outage = Outage(f"storage account of {connection}")
        #: Whether the receipts of the scanner before this one have been read.
        self._informed = False
        self._stopping = asyncio.Event()
        self._scanning: asyncio.Task[None] | None = None
        self._renewing: asyncio.Task[None] | None = None
        for function, trigger in functions:
            if trigger.source == "EventGrid":
                log.warning(
                    "function %s: no Event Grid here, its container is scanned", function.name
                )

    def __repr__(self) -> str:
        return f"<BlobListener {self._connection} {self._lease!r}>"

    async def start(self) -> None:
        self._scanning = asyncio.create_task(self._scan())
        self._renewing = asyncio.create_task(self._renew())

    async def stop(self) -> None:
        """The lease is kept until all is done: who takes it over would do the same again."""
        self._stopping.set()
        try:
            if self._scanning is not None:
                await self._scanning
            await asyncio.gather(*(scanner.drain() for scanner in self._scanners))
        finally:
            if self._renewing is not None:
                self._renewing.cancel()
            await self._release()

    async def _scan(self) -> None:
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                await self._look()
            except AzureError as error:
                await self._pause(self._outage.begin(error))
                continue
            # After an outage the look took as long as it did for other reasons.
            was_away = self._outage.end()
            took_s = 0.0 if was_away else time.monotonic() - started
            await self._pause(max(SCAN_S, SCAN_SHARE * took_s))

    async def _look(self) -> None:
        if not self._lease.held:
            self._informed = False
            if not await self._connections.in_thread(self._lease.acquire):
                return
        if not self._informed:
            await self._connections.in_thread(self._receipts.load)
            self._informed = True
        for scanner in self._scanners:
            await scanner.scan()

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                await self._connections.in_thread(self._lease.renew)
            except AzureError as error:
                log.debug("%r: %s", self._lease, type(error).__name__)

    async def _release(self) -> None:
        try:
            await self._connections.in_thread(self._lease.release)
        except AzureError as error:
            log.debug("%r: %s", self._lease, type(error).__name__)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
