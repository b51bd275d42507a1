"""A blob through the blob trigger: uploads it and waits for its output."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient, ContentSettings

from local.demo.errors import TourError
from local.demo.example import Body

#: Seconds between two checks for an answer.
POLL_S = 0.03

#: The output has the input's columns, whatever the settings say for other blobs.
AS_IT_CAME = {"output": "", "ignore": "", "keep": "", "drop": ""}


def score(
    connection: str, containers: tuple[str, str], name: str, body: Body, timeout_s: float
) -> tuple[dict[str, Any], bytes, str]:
    """The report of a blob, the scored blob and its content type. Raises TourError, AzureError.

    `containers`: of the input and of the output.
    """
    source, target = containers
    with BlobServiceClient.from_connection_string(connection) as storage:
        container = storage.get_container_client(source)
        with contextlib.suppress(ResourceExistsError):
            container.create_container()
        container.upload_blob(
            name,
            body.content,
            metadata=AS_IT_CAME | {"output_format": body.output_format},
            content_settings=ContentSettings(content_type=body.content_type),
        )
        report = _await_report(storage, target, f"{name}.report.json", timeout_s)
        if report["error"]:
            return report, b"", ""
        output, _, path = (report["output"] or f"{target}/{name}").partition("/")
    return report, *read(connection, output, path)


def read(connection: str, container: str, name: str) -> tuple[bytes, str]:
    """The content of a blob, and its type. Raises AzureError."""
    with BlobServiceClient.from_connection_string(connection) as storage:
        download = storage.get_blob_client(container, name).download_blob()
        return download.readall(), download.properties.content_settings.content_type or ""


def find_container(connection: str, name: str) -> None:
    """Raises AzureError if the storage account does not answer."""
    with BlobServiceClient.from_connection_string(connection, retry_total=0) as storage:
        storage.get_container_client(name).exists()


def _await_report(
    storage: BlobServiceClient, container: str, name: str, timeout_s: float
) -> dict[str, Any]:
    blob = storage.get_blob_client(container, name)
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            report: dict[str, Any] = json.loads(blob.download_blob().readall())
        except ResourceNotFoundError:
            time.sleep(POLL_S)
        else:
            return report
    raise TourError(f"{container}/{name} did not appear within {timeout_s:g} s")
