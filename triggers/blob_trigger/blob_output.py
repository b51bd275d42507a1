"""What a blob comes to in the output container: its predictions, and a report beside them."""

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
#: Names that would be another blob's report, and those that such a name comes back under.
_TAKEN = re.compile(r"\.report\.json(\.scored)*$")


def output_name(name: str) -> str:
    """Where a blob's predictions go: its own name, but for one that ends as reports do.

    No two blobs have the same output, and no output is a report: `x.csv.report.json` comes back as
    `x.csv.report.json.scored`, and a blob of that name with one `.scored` more.
    """
    return f"{name}.scored" if _TAKEN.search(name) else name


class BlobOutput:
    """The output and the report of one blob. Its methods block, and raise AzureError."""

    def __init__(self, container: ContainerClient, name: str) -> None:
        self._container = container
        self._name, self._report_name = output_name(name), name + REPORT
        self.place = f"{container.container_name}/{self._name}"
        self.report_place = f"{container.container_name}/{self._report_name}"

    def __repr__(self) -> str:
        return f"<BlobOutput {self.place}>"

    def writer(self) -> BlockWriter:
        """The container is made where it is missing."""
        self._ensure()
        return BlockWriter(self._container.get_blob_client(self._name))

    def remove(self) -> None:
        """Take away what an earlier blob of the same name came to: it is not this one's."""
        with contextlib.suppress(ResourceNotFoundError):
            self._container.delete_blob(self._name)

    def report(self, document: dict[str, Any]) -> None:
        """Written last: where it is, the scored blob is."""
        self._ensure()
        self._container.upload_blob(
            self._report_name,
            orjson.dumps(document, option=orjson.OPT_INDENT_2),
            overwrite=True,
            content_settings=ContentSettings(content_type=media_types.JSON),
        )

    def reported(self, etag: str) -> dict[str, Any] | None:
        """The report that was written of this version of the blob."""
        try:
            content = self._container.download_blob(self._report_name).readall()
            document = cast(dict[str, Any], orjson.loads(content))
        except (ResourceNotFoundError, orjson.JSONDecodeError):
            return None
        return document if isinstance(document, dict) and document.get("etag") == etag else None

    def _ensure(self) -> None:
        if not self._container.exists():
            with contextlib.suppress(ResourceExistsError):  # another worker was faster
                self._container.create_container()
