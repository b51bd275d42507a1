"""Blobs as files that are read in parts. Blocking; raises AzureError alone."""

from __future__ import annotations

import io
from concurrent.futures import Future
from typing import Any, BinaryIO, cast

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, ServiceResponseError
from azure.storage.blob import BlobClient, BlobProperties

from inference.rows.streams import READ_BYTES as BUFFER_BYTES
from inference.rows.streams import Unclosed
from triggers.storage.storage_errors import storage_call
from triggers.storage.storage_threads import TRANSFERS

#: Bytes of a part. One is used while the next one is downloaded.
READ_BYTES = 4 * 1024 * 1024


class BlobReader:
    """The bytes of one version of a blob as they are stored, which may be compressed.

    The SDK would decompress its first range and, without an error, nothing after it.
    """

    def __init__(self, blob: BlobClient, etag: str | None = None) -> None:
        """Reads the first bytes: those of the version `etag`, or of the current one.

        Like reading, it raises ResourceModifiedError if the blob has been replaced.
        """
        version: dict[str, Any] = {}
        if etag is not None:
            version = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
        with storage_call():
            download = blob.download_blob(max_concurrency=1, decompress=False, **version)
        self.properties: BlobProperties = download.properties
        self._size = self.properties.size
        self._download = _Download(download, self._size)
        self.stream = cast(BinaryIO, Unclosed(self._download, BUFFER_BYTES))

    def position(self) -> int:
        """How many bytes were read."""
        return int(self._size - self._download.left)

    @property
    def fault(self) -> AzureError | None:
        """The error of storage. The reader of a format may have reported it as bad input."""
        return self._download.fault


class _Download(io.RawIOBase):
    """The SDK's download as a raw stream, for io.BufferedReader.

    An error is raised again by each later read.
    """

    def __init__(self, download: Any, size: int) -> None:
        self._download, self.left = download, size
        self._part = memoryview(b"")
        self._next: Future[bytes] | None = None
        self.fault: AzureError | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.left and not self._part:
            self._part = memoryview(self._next_part())
        content = self._part[: len(buffer)]
        self._part = self._part[len(content) :]
        buffer[: len(content)] = content
        self.left -= len(content)
        return len(content)

    def _next_part(self) -> bytes:
        try:
            part = self._read() if self._next is None else self._next.result()
            if not part:
                raise ServiceResponseError(f"the blob ended {self.left} bytes early")
        except AzureError as error:
            self.fault = error
            raise
        self._next = TRANSFERS.submit(self._read) if len(part) < self.left else None
        return part

    def _read(self) -> bytes:
        with storage_call():
            return cast(bytes, self._download.read(READ_BYTES))
