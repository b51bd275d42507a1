"""A blob lease that lets one process at a time scan a storage account.

The leased blob is `azure-webjobs-hosts/locks/<host id>/blob-scan`. Its metadata name the process
that holds the lease: a host restarted on the same machine breaks the lease of its killed
predecessor instead of waiting until it expires. Calls block: run them in threads.
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
#: Short timeouts and no retries: an answer after the lease's expiry is useless, and callers retry.
_QUICK: dict[str, Any] = {"retry_total": 0, "connection_timeout": 3, "read_timeout": 5}

_CONFLICT = 409


class ScanLease:
    """Held until `release`, a lost lease, or LEASE_S after the last renewal."""

    def __init__(self, container: ContainerClient, host_id: str) -> None:
        self._container = container
        self._blob: BlobClient = container.get_blob_client(f"locks/{host_id}/blob-scan")
        self._lease: BlobLeaseClient | None = None
        #: By the monotonic clock.
        self._held_until = 0.0

    def __repr__(self) -> str:
        return f"<ScanLease {self._blob.blob_name} {'held' if self.held else 'not held'}>"

    @property
    def held(self) -> bool:
        return self._lease is not None and time.monotonic() < self._held_until

    def acquire(self) -> bool:
        """Returns whether this process holds the lease now. Raises AzureError."""
        if self._lease is not None:
            # It expired in an outage; perhaps no other process has acquired it.
            with contextlib.suppress(HttpResponseError):
                self.renew()
                return True
        if self._take():
            return True
        if not self._holder_is_dead():
            return False
        log.info("the previous blob scanner has ended: taking over its lease")
        BlobLeaseClient(self._blob).break_lease(0)
        return self._take()

    def renew(self) -> None:
        """Raises AzureError. A lease that another process has acquired is given up."""
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
                log.debug("%s exists already", self._blob.blob_name)

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
    """Identifies a set of process ids: the host name, and on Linux also the pid namespace."""
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = ""
    return f"{socket.gethostname()} {namespace}".strip()
