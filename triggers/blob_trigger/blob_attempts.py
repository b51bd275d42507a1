"""Counts the attempts at each version of a blob, which the platform does not pass to the function.

A marker is a blob `triscore-tries/{id}`. It is written before an attempt begins, so that an attempt
which kills its process is counted, and deleted when the version has its document. It is kept in the
storage account and not in Redis, because an app may have no Redis, but a blob has an account. While
the last attempt runs, its marker is leased: a marker without a lease shows that the attempt is
over.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import orjson
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobClient, BlobLeaseClient, ContainerClient

from inference.request import Request

CONTAINER = "triscore-tries"
#: Seconds after which an attempt that does not renew its lease counts as over.
LEASE_S = 30
RENEW_S = 10.0


@dataclass(frozen=True, kw_only=True)
class BlobVersion:
    """One version of a blob."""

    #: Made of the blob's name and its ETag.
    id: str
    container: str
    name: str
    etag: str
    #: time.time() of the first attempt that was counted.
    received_at: float
    #: The uploader's own id for the result; if empty, `id` is the result's.
    request_id: str = ""

    @property
    def result_id(self) -> str:
        return self.request_id or self.id

    def request(self, headers: dict[str, str] | None = None) -> Request:
        """A request for this version. Its body identifies the version where its id does not."""
        return Request(
            id=self.result_id,
            source="blob",
            body=self.id.encode() if self.request_id else b"",
            headers=headers or {},
            deadline=math.inf,
            received_at=self.received_at,
        )


class BlobAttempts:
    """The markers of one storage account. The methods block, and raise AzureError.

    `clock` is time.time. It differs from the account's clock by a few seconds at most.
    """

    def __init__(
        self,
        container: ContainerClient,
        *,
        max_attempts: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._container, self._clock = container, clock
        #: Attempts that the platform makes of a blob.
        self.max_attempts = max_attempts

    def __repr__(self) -> str:
        return f"<BlobAttempts {self._container.container_name}, {self.max_attempts} a blob>"

    def begin(self, version: BlobVersion) -> int:
        """Count an attempt at this version. Returns its number, from 1 on."""
        try:
            self._write(version, 1, overwrite=False)
        except ResourceExistsError:
            number = self._number(version.id) + 1
            # Two at the same time may count as one. Then there is one more before the last.
            self._write(version, number, overwrite=True)
            return number
        return 1

    def end(self, version: BlobVersion, lease: BlobLeaseClient | None = None) -> None:
        """Delete the marker: the version has its document."""
        with contextlib.suppress(ResourceNotFoundError, ResourceModifiedError):
            self._container.delete_blob(version.id, lease=lease)

    def checkpoint(self, version: BlobVersion) -> BlobClient:
        """The blob that says how far an attempt at this version came."""
        return self._container.get_blob_client(version.id + ".checkpoint")

    def acquire_lease(self, version: BlobVersion) -> BlobLeaseClient | None:
        """The marker's lease for LEASE_S seconds; None if another has it or the marker is gone."""
        lease = BlobLeaseClient(self._container.get_blob_client(version.id))
        try:
            lease.acquire(LEASE_S)
        except (ResourceExistsError, ResourceNotFoundError):
            return None
        return lease

    def exhausted(self) -> Iterator[tuple[BlobVersion, bool]]:
        """Versions whose last attempt has begun and that have no document.

        Each comes with whether that attempt may still run.
        """
        try:
            for blob in self._container.list_blobs(include=["metadata"]):
                is_last = _attempts(blob.metadata) >= self.max_attempts
                if is_last and (version := self._read(blob.name)):
                    # A marker is leased a moment after it is written.
                    is_new = self._clock() - blob.last_modified.timestamp() < LEASE_S
                    yield version, is_new or blob.lease.status == "locked"
        except ResourceNotFoundError:  # no container: there was no attempt yet
            return

    def _number(self, name: str) -> int:
        try:
            properties = self._container.get_blob_client(name).get_blob_properties()
        except ResourceNotFoundError:
            return 0
        return _attempts(properties.metadata)

    def _read(self, name: str) -> BlobVersion | None:
        try:
            content = self._container.download_blob(name).readall()
            return BlobVersion(**orjson.loads(content))
        except (ResourceNotFoundError, TypeError, ValueError):
            return None  # deleted since it was listed, or not written by this app

    def _write(self, version: BlobVersion, number: int, *, overwrite: bool) -> None:
        content: Any = orjson.dumps(asdict(version))
        blob = self._container.get_blob_client(version.id)
        metadata = {"tries": str(number)}
        try:
            blob.upload_blob(content, overwrite=overwrite, metadata=metadata)
        except ResourceNotFoundError:
            with contextlib.suppress(ResourceExistsError):  # another worker was faster
                self._container.create_container()
            blob.upload_blob(content, overwrite=overwrite, metadata=metadata)
        except HttpResponseError as error:
            # Leased: another call makes the last attempt at this version.
            if not (overwrite and error.status_code == 412):
                raise


def _attempts(metadata: dict[str, str] | None) -> int:
    count = (metadata or {}).get("tries", "")
    return int(count) if count.isdecimal() and len(count) < 10 else 0
