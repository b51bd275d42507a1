"""Whole blobs, as bindings read and write them. Blocking calls, for threads."""

from __future__ import annotations

import contextlib

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from local.host.errors import BindingFailed


def download(storage: BlobServiceClient, container: str, blob: str) -> bytes | None:
    """A blob's content; None where there is none. Raises BindingFailed."""
    try:
        return storage.get_blob_client(container, blob).download_blob().readall()
    except ResourceNotFoundError:
        return None
    except AzureError as error:
        raise BindingFailed.by(error) from error


def upload(storage: BlobServiceClient, container: str, blob: str, content: bytes) -> None:
    """Write a blob, over what was there. The container is made where it is missing.

    Raises BindingFailed.
    """
    client = storage.get_container_client(container)
    try:
        try:
            client.upload_blob(blob, content, overwrite=True)
        except ResourceNotFoundError:
            with contextlib.suppress(ResourceExistsError):  # another was faster
                client.create_container()
            client.upload_blob(blob, content, overwrite=True)
    except AzureError as error:
        raise BindingFailed.by(error) from error
