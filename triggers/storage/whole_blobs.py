"""Blobs of one container, read and written whole. Blocking. Imports the SDK."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobProperties, StorageErrorCode

from triggers.settings import STORAGE
from triggers.storage.blob_names import Place
from triggers.storage.blob_streams import READ_BYTES, BlobReader
from triggers.storage.block_writer import upload
from triggers.storage.storage_clients import BlobStorage
from triggers.storage.storage_errors import error_code, storage_call
from triggers.storage.thread_calls import IsStopped

_CONTAINER_MISSING = StorageErrorCode.CONTAINER_NOT_FOUND.value
_MISSING = frozenset({StorageErrorCode.BLOB_NOT_FOUND.value, _CONTAINER_MISSING})


class WholeBlobs:
    """The methods raise AzureError alone."""

    def __init__(self, env: Mapping[str, str], container: str) -> None:
        """Raises SettingError."""
        self._container = BlobStorage(env).container(Place(STORAGE, container))

    def __repr__(self) -> str:
        return f"<WholeBlobs {self._container.container_name}>"

    def create(self) -> None:
        """Create the container, unless it exists."""
        with storage_call(), contextlib.suppress(ResourceExistsError):
            self._container.create_container()

    def write(self, name: str, content: bytes, content_type: str) -> None:
        """Write or replace a blob. A missing container is created."""
        blob = self._container.get_blob_client(name)
        try:
            upload(blob, content, content_type)
        except ResourceNotFoundError as error:
            if error_code(error) != _CONTAINER_MISSING:
                raise
            self.create()
            upload(blob, content, content_type)

    def properties(self, name: str) -> BlobProperties | None:
        """None if there is no such blob, or no such container."""
        with storage_call():
            try:
                return self._container.get_blob_client(name).get_blob_properties()
            except ResourceNotFoundError as error:
                if error_code(error) in _MISSING:
                    return None
                raise

    def read(self, name: str, etag: str, is_stopped: IsStopped) -> bytes:
        """The bytes of one version of a blob as they are stored, which may be compressed.

        Raises ResourceModifiedError if the blob has been replaced. Stops between two parts, with
        an AzureError, once `is_stopped` says so.
        """
        parts: list[bytes] = []
        with storage_call():
            if is_stopped():
                raise AzureError("the caller has gone")
            stream = BlobReader(self._container.get_blob_client(name), etag).stream
            while part := stream.read(READ_BYTES):
                parts.append(part)
                if is_stopped():
                    raise AzureError("the caller has gone")
            return b"".join(parts)
