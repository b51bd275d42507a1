"""Counts the attempts at each version of a blob, which the platform does not pass to the function.

A marker is a blob `triscore-tries/{id}`. It is written before an attempt begins, so that an attempt
which kills its process is counted, and deleted when the version's document was sent. It is kept in
the storage account and not in Redis, because an app may have no Redis, but a blob has an account.
While the last attempt runs, its marker is leased: a marker without a lease shows that the attempt
is over. A document that can't be sent yet is kept in the marker.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Self

import orjson
from azure.core.exceptions import (
    AzureError,
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

#: Metadata of a marker, and fields of its content beside those of the version.
_TRIES, _UNSENT = "tries", "unsent"
_DOCUMENT, _MESSAGE_ID = "document", "message_id"


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


class Marker(NamedTuple):
    """The content of a marker."""

    version: BlobVersion
    #: One that was not sent yet; empty: the version is being scored.
    document: str = ""
    #: Of the document's message.
    message_id: str = ""

    def encoded(self) -> bytes:
        fields = asdict(self.version)
        if self.document:
            fields |= {_DOCUMENT: self.document, _MESSAGE_ID: self.message_id}
        return orjson.dumps(fields)

    @classmethod
    def decode(cls, content: bytes) -> Self:
        """Raises TypeError, ValueError."""
        fields = orjson.loads(content)
        document, message_id = (fields.pop(name, "") for name in (_DOCUMENT, _MESSAGE_ID))
        return cls(BlobVersion(**fields), document, message_id)


class DueMarkers(NamedTuple):
    """Names of markers of which something is to be done."""

    #: Each has a document to send.
    unsent: list[str]
    #: The last attempt is over, and there is no document.
    exhausted: list[str]
    #: The last attempt may still run.
    last: list[str]


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

    @property
    def container_name(self) -> str:
        return str(self._container.container_name)

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
        """Delete the marker: the version's document was sent."""
        with contextlib.suppress(ResourceNotFoundError, ResourceModifiedError):
            self._container.delete_blob(version.id, lease=lease)

    def keep(self, kept: Marker, lease: BlobLeaseClient | None = None) -> None:
        """Keep a document in the version's marker, and release the marker's lease.

        A marker that another call has leased stays: that call sends the version's document.
        """
        try:
            self._upload(kept, {_UNSENT: "true"}, overwrite=True, lease=lease)
        except HttpResponseError as error:
            if lease is not None or error.status_code != 412:
                raise
        if lease is not None:
            with contextlib.suppress(AzureError):  # it expires
                lease.release()

    def checkpoint(self, version: BlobVersion) -> BlobClient:
        """The blob that says how far an attempt at this version came."""
        return self._container.get_blob_client(version.id + ".checkpoint")

    def acquire_lease(self, name: str) -> BlobLeaseClient | None:
        """A marker's lease for LEASE_S seconds; None if another has it or the marker is gone."""
        lease = BlobLeaseClient(self._container.get_blob_client(name))
        try:
            lease.acquire(LEASE_S)
        except (ResourceExistsError, ResourceNotFoundError):
            return None
        return lease

    def due(self) -> DueMarkers:
        found = DueMarkers([], [], [])
        try:
            for blob in self._container.list_blobs(include=["metadata"]):
                # A marker is leased a moment after it is written.
                is_new = self._clock() - blob.last_modified.timestamp() < LEASE_S
                if (blob.metadata or {}).get(_UNSENT):
                    found.unsent.append(blob.name)
                elif _attempts(blob.metadata) >= self.max_attempts:
                    may_run = is_new or blob.lease.status == "locked"
                    (found.last if may_run else found.exhausted).append(blob.name)
        except ResourceNotFoundError:  # no container: there was no attempt yet
            pass
        return found

    def read(self, name: str) -> Marker | None:
        """None if it was deleted, or not written by this app."""
        try:
            return Marker.decode(self._container.download_blob(name).readall())
        except (ResourceNotFoundError, TypeError, ValueError, AttributeError):
            return None

    def _number(self, name: str) -> int:
        try:
            properties = self._container.get_blob_client(name).get_blob_properties()
        except ResourceNotFoundError:
            return 0
        return _attempts(properties.metadata)

    def _write(self, version: BlobVersion, number: int, *, overwrite: bool) -> None:
        try:
            self._upload(Marker(version), {_TRIES: str(number)}, overwrite=overwrite)
        except HttpResponseError as error:
            # Leased: another call makes the last attempt at this version.
            if not (overwrite and error.status_code == 412):
                raise

    def _upload(self, marker: Marker, metadata: dict[str, str], **options: Any) -> None:
        blob = self._container.get_blob_client(marker.version.id)
        content: Any = marker.encoded()
        try:
            blob.upload_blob(content, metadata=metadata, **options)
        except ResourceNotFoundError:
            with contextlib.suppress(ResourceExistsError):  # another worker was faster
                self._container.create_container()
            blob.upload_blob(content, metadata=metadata, **options)


def _attempts(metadata: dict[str, str] | None) -> int:
    count = (metadata or {}).get(_TRIES, "")
    return int(count) if count.isdecimal() and len(count) < 10 else 0
