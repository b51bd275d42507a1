"""One scanner at a time: a blob lease in the storage account that is scanned.

Blocking calls, for threads. The lock blob is `azure-webjobs-hosts/locks/<host id>/blob-scan`; its
metadata say which process holds it, so that a process started again on the same machine does not
wait for the lease of its killed predecessor to run out.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import time
from pathlib import Path
from typing import Any

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobLeaseClient, ContainerClient

log = logging.getLogger(__name__)

LEASE_S = 15
RENEW_S = 5.0
#: Asked again by whoever asked: an answer that comes after the lease ran out helps nobody.
_QUICK: dict[str, Any] = {"retry_total": 0, "connection_timeout": 3, "read_timeout": 5}

_CONFLICT = 409


class ScanLease:
    """MessageBuffer until `renew` fails, `release`, or LEASE_S after the last renewal."""

    def __init__(self, container: ContainerClient, host_id: str) -> None:
        self._container = container
        self._blob: BlobClient = container.get_blob_client(f"locks/{host_id}/blob-scan")
        self._lease: BlobLeaseClient | None = None
        #: Monotonic.
        self._held_until = 0.0

    def __repr__(self) -> str:
        return f"<ScanLease {self._blob.blob_name} {'held' if self.held else 'not held'}>"

    @property
    def held(self) -> bool:
        return self._lease is not None and time.monotonic() < self._held_until

    def acquire(self) -> bool:
        """Whether the lease is ours now. Raises AzureError where storage is away."""
        if self._lease is not None:
            # Ours, but for an outage: nobody may have taken it.
            with contextlib.suppress(HttpResponseError):
                self.renew()
                return True
        if self._take():
            return True
        if not self._holder_is_dead():
            return False
        log.info("the blob scanner before this one has ended: taking its place")
        BlobLeaseClient(self._blob).break_lease(0)
        return self._take()

    def renew(self) -> None:
        """Raises AzureError; a lease that another one has taken is given up."""
        if self._lease is None:
            return
        asked = time.monotonic()
        try:
            self._lease.renew(**_QUICK)
        except HttpResponseError as error:
            if error.status_code in (_CONFLICT, 404, 412):
                self._lease = None
            raise
        self._held_until = asked + LEASE_S

    def release(self) -> None:
        """Raises AzureError."""
        lease, self._lease = self._lease, None
        if lease is not None:
            lease.release(**_QUICK)

    def _take(self) -> bool:
        lease = BlobLeaseClient(self._blob)
        asked = time.monotonic()
        try:
            lease.acquire(LEASE_S, **_QUICK)
        except ResourceNotFoundError:
            self._create()
            return False
        except HttpResponseError as error:
            if error.status_code != _CONFLICT:
                raise
            return False
        self._lease, self._held_until = lease, asked + LEASE_S
        self._blob.set_blob_metadata(_this_process(), lease=lease)
        return True

    def _create(self) -> None:
        for create in (
            self._container.create_container,
            lambda: self._blob.upload_blob(b"", overwrite=False),
        ):
            try:
                create()
            except ResourceExistsError:
                log.debug("%s is there already", self._blob.blob_name)

    def _holder_is_dead(self) -> bool:
        try:
            holder = self._blob.get_blob_properties().metadata
        except ResourceNotFoundError:
            return False
        if holder.get("machine") != _machine():
            return False
        try:
            os.kill(int(holder["pid"]), 0)
        except ProcessLookupError:
            return True
        except (KeyError, ValueError, OverflowError, OSError):
            return False
        return False


def _this_process() -> dict[str, str]:
    return {"machine": _machine(), "pid": str(os.getpid())}


def _machine() -> str:
    """Where process ids mean the same: the host's name, and on Linux the ids' name space."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        space = ""
    return f"{socket.gethostname()} {space}".strip()
