"""The output of a blob: its predictions, and a report beside them."""

from __future__ import annotations

import contextlib
import re
from typing import Any, cast

import orjson
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import ContainerClient, ContentSettings

from inference.rows import media_types
from triggers.blob_trigger.blob_streams import BlockWriter

REPORT = ".report.json"
#: Names that would be another blob's report, and the names of the outputs of such blobs.
_TAKEN = re.compile(r"\.report\.json(\.scored)*$")


def output_name(name: str) -> str:
    """The name of a blob's predictions: its own, except if it ends as reports do.

    No two blobs have the same output, and no output has the name of a report: the predictions of
    `x.csv.report.json` are `x.csv.report.json.scored`, and those of a blob of that name have one
    `.scored` more.
    """
    return f"{name}.scored" if _TAKEN.search(name) else name


class BlobOutput:
    """The predictions and the report of one blob. The methods block, and raise AzureError."""

    def __init__(self, container: ContainerClient, name: str) -> None:
        self._container = container
        self._name, self._report_name = output_name(name), name + REPORT
        self.place = f"{container.container_name}/{self._name}"
        self.report_place = f"{container.container_name}/{self._report_name}"

    def __repr__(self) -> str:
        return f"<BlobOutput {self.place}>"

    def writer(self) -> BlockWriter:
        """Creates the container if it is missing."""
        self._ensure_container()
        return BlockWriter(self._container.get_blob_client(self._name))

    def delete(self) -> None:
        """Delete the predictions of an earlier blob of the same name."""
        with contextlib.suppress(ResourceNotFoundError):
            self._container.delete_blob(self._name)

    def write_report(self, document: dict[str, Any]) -> None:
        """Called last: where a report is, the predictions are complete."""
        self._ensure_container()
        self._container.upload_blob(
            self._report_name,
            orjson.dumps(document, option=orjson.OPT_INDENT_2),
            overwrite=True,
            content_settings=ContentSettings(content_type=media_types.JSON),
        )

    def read_report(self, etag: str) -> dict[str, Any] | None:
        """The report of this version of the blob, if there is one."""
        try:
            content = self._container.download_blob(self._report_name).readall()
            document = cast(dict[str, Any], orjson.loads(content))
        except (ResourceNotFoundError, orjson.JSONDecodeError):
            return None
        return document if isinstance(document, dict) and document.get("etag") == etag else None

    def _ensure_container(self) -> None:
        if not self._container.exists():
            with contextlib.suppress(ResourceExistsError):  # another worker was faster
                self._container.create_container()
