"""Reads and writes whole blobs for bindings. Calls block: run them in threads."""

from __future__ import annotations

import contextlib

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from local.host.errors import BindingFailed


def download(storage: BlobServiceClient, container: str, blob: str) -> bytes | None:
    """A blob's content; None if there is no such blob. Raises BindingFailed."""
    try:
        return storage.get_blob_client(container, blob).download_blob().readall()
    except ResourceNotFoundError:
        return None
    except AzureError as error:
        raise BindingFailed.from_error(error) from error


def upload(storage: BlobServiceClient, container: str, blob: str, content: bytes) -> None:
    """Write or overwrite a blob. A missing container is created. Raises BindingFailed."""
    client = storage.get_container_client(container)
    try:
        try:
            client.upload_blob(blob, content, overwrite=True)
        except ResourceNotFoundError:
            with contextlib.suppress(ResourceExistsError):  # another process created it
                client.create_container()
            client.upload_blob(blob, content, overwrite=True)
    except AzureError as error:
        raise BindingFailed.from_error(error) from error
