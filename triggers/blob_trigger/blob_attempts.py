"""How often a version of a blob was tried, kept in the storage account: the platform does not tell.

A marker is a blob `triscore-tries/{id}`, written before a try begins, so that a try that kills its
process is counted, too, and taken away when the version has ended in a document. It lies there and
not in Redis because an app may have none, and because where a blob is, a marker can be. While the
last try runs, the marker is leased: whoever finds it without a lease knows that the try is over.
"""

from __future__ import annotations

import contextlib
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
from azure.storage.blob import BlobLeaseClient, ContainerClient

from inference.request import Request

CONTAINER = "triscore-tries"
#: Seconds after which a try that does not renew its lease counts as over.
LEASE_S = 30
RENEW_S = 10.0


@dataclass(frozen=True, kw_only=True)
class BlobVersion:
    """One version of a blob: what a call is about."""

    #: Of the request and its result document.
    id: str
    container: str
    name: str
    etag: str
    #: time.time() of the first try that could be counted.
    received_at: float

    def request(self, headers: dict[str, str] | None = None) -> Request:
        return Request(
            id=self.id,
            source="blob",
            body=b"",
            headers=headers or {},
            received_at=self.received_at,
        )


class BlobAttempts:
    """The markers of one storage account. The methods block, and raise AzureError.

    `clock` is time.time, which the account's own clock agrees with to a few seconds.
    """

    def __init__(
        self, container: ContainerClient, *, most: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._container, self._clock = container, clock
        #: Tries that the platform makes of a blob.
        self.most = most

    def __repr__(self) -> str:
        return f"<BlobAttempts {self._container.container_name} of {self.most}>"

    def begin(self, version: BlobVersion) -> int:
        """Count a try of this version; returns which one it is, from 1 on."""
        try:
            self._write(version, 1, overwrite=False)
        except ResourceExistsError:
            number = self._number(version.id) + 1
            # Two at once may count as one: then there is one more before the last.
            self._write(version, number, overwrite=True)
            return number
        return 1

    def end(self, version: BlobVersion, lease: BlobLeaseClient | None = None) -> None:
        """The version has its document."""
        with contextlib.suppress(ResourceNotFoundError, ResourceModifiedError):
            self._container.delete_blob(version.id, lease=lease)

    def hold(self, version: BlobVersion) -> BlobLeaseClient | None:
        """The marker's lease for LEASE_S seconds; None where another one has it, or it is gone."""
        lease = BlobLeaseClient(self._container.get_blob_client(version.id))
        try:
            lease.acquire(LEASE_S)
        except (ResourceExistsError, ResourceNotFoundError):
            return None
        return lease

    def used_up(self) -> Iterator[tuple[BlobVersion, bool]]:
        """Versions whose last try was begun and that have no document, each with whether it may
        still run.
        """
        try:
            for blob in self._container.list_blobs(include=["metadata"]):
                if _tries(blob.metadata) >= self.most and (version := self._read(blob.name)):
                    # A marker is leased a moment after it was written.
                    is_new = self._clock() - blob.last_modified.timestamp() < LEASE_S
                    yield version, is_new or blob.lease.status == "locked"
        except ResourceNotFoundError:  # nothing was ever tried here
            return

    def _number(self, name: str) -> int:
        try:
            properties = self._container.get_blob_client(name).get_blob_properties()
        except ResourceNotFoundError:
            return 0
        return _tries(properties.metadata)

    def _read(self, name: str) -> BlobVersion | None:
        try:
            content = self._container.download_blob(name).readall()
            return BlobVersion(**orjson.loads(content))
        except (ResourceNotFoundError, TypeError, ValueError):
            return None  # ended meanwhile, or none of ours

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
            # Leased: another call is at the last try of this very version.
            if not (overwrite and error.status_code == 412):
                raise


def _tries(metadata: dict[str, str] | None) -> int:
    told = (metadata or {}).get("tries", "")
    return int(told) if told.isdecimal() and len(told) < 10 else 0
