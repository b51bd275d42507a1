"""The output of a blob: its predictions, and a report beside them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import quote, unquote

import orjson
from azure.core import MatchConditions
from azure.core.exceptions import (
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import ContainerClient, StorageErrorCode

from inference.errors import UnfitInput
from inference.rows import media_types
from triggers.storage.block_writer import BlockWriter, upload
from triggers.storage.storage_errors import error_code

REPORT = ".report.json"
#: Metadata of predictions: the name of their input in ASCII, cut, because all may have 8 KB.
INPUT, _MAX_INPUT = "input", 4000
_IF_MISSING: dict[str, Any] = {"match_condition": MatchConditions.IfMissing}
#: Names that would be another blob's report, and the names of the outputs of such blobs.
_TAKEN = re.compile(r"\.report\.json(\.scored)*$")


def output_name(name: str) -> str:
    """The name of a blob's predictions: its own, except if it ends as reports do.

    No output has the name of a report: the predictions of `x.csv.report.json` are
    `x.csv.report.json.scored`, and those of a blob of that name have one `.scored` more. No two
    blobs have the same output, but where one is in another format: see BlobOutput.require_own.
    """
    return f"{name}.scored" if _TAKEN.search(name) else name


class BlobOutput:
    """The predictions and the report of one blob. The methods block, and raise AzureError.

    After `begin` they raise ResourceModifiedError if another call has written the same blob since
    then: it may have scored a newer version of the input. After `expect_none`, which takes no
    request, so does the first write over an earlier output.
    """

    def __init__(self, container: ContainerClient, name: str) -> None:
        self._container, self._input_name = container, name
        self._name, self._report_name = output_name(name), name + REPORT
        self.report_place = f"{container.container_name}/{self._report_name}"
        #: Of what is there; None: nothing is; missing: not known.
        self._etags: dict[str, str | None] = {}
        self._input = quote(name)[:_MAX_INPUT]
        #: What the predictions that are there say of their input; empty: nothing.
        self._found_input = ""

    def __repr__(self) -> str:
        return f"<BlobOutput {self.place}>"

    @property
    def place(self) -> str:
        """Of the predictions."""
        return f"{self._container.container_name}/{self._name}"

    @property
    def etag(self) -> str | None:
        """Of the predictions; None before they are written."""
        return self._etags.get(self._name)

    def end_with(self, ending: str) -> None:
        """Write the predictions under the blob's name with an ending. Called before `begin`."""
        self._name = output_name(self._input_name + ending)

    def begin(self) -> None:
        """Note what is there. Creates the container if it is missing."""
        for name in (self._name, self._report_name):
            self._etags[name] = self._etag(name)

    def expect_none(self) -> None:
        """Assume that there is neither, as before the first blob of a name.

        Where that is wrong, the first write raises ResourceModifiedError.
        """
        self._etags = {self._name: None, self._report_name: None}

    def require_own(self) -> None:
        """Raises UnfitInput if the predictions that `begin` found are another blob's.

        Those of `rows.csv` written as Parquet have the name of those of `rows.csv.parquet`.
        """
        if self._is_taken:
            raise UnfitInput(
                field="output",
                expected="a name that no other blob's output has: rename a blob, or delete it",
                got=f"{self.place}, the output of blob {unquote(self._found_input)!r}",
            )

    def writer(self, encoding: str) -> BlockWriter:
        """`encoding`: see BlockWriter.compress."""
        blob = self._container.get_blob_client(self._name)
        writer = BlockWriter(blob, self._create_container)
        writer.compress(encoding)
        return writer

    def commit(self, writer: BlockWriter, content_type: str) -> str:
        """Replace the predictions by what was written. Returns their ETag."""
        metadata = {INPUT: self._input}
        return self._replace(
            self._name,
            lambda conditions: writer.commit(content_type, metadata=metadata, **conditions),
        )

    def delete(self) -> None:
        """Delete the predictions of an earlier blob of the same name."""
        conditions = self._conditions(self._name)
        if conditions == _IF_MISSING or self._is_taken:
            return
        with contextlib.suppress(ResourceNotFoundError):
            self._container.delete_blob(self._name, **conditions)
        self._etags.pop(self._name, None)

    def write_report(self, document: dict[str, Any]) -> None:
        """Called last: where a report is, the predictions are complete."""
        report = self._container.get_blob_client(self._report_name)
        content = orjson.dumps(document, option=orjson.OPT_INDENT_2)
        self._replace(
            self._report_name,
            lambda conditions: upload(report, content, media_types.JSON, **conditions),
        )

    def read_report(self, etag: str) -> dict[str, Any] | None:
        """The report of this version of the blob, if there is one."""
        try:
            content = self._container.download_blob(self._report_name).readall()
            document = cast(dict[str, Any], orjson.loads(content))
        except (ResourceNotFoundError, orjson.JSONDecodeError):
            return None
        return document if isinstance(document, dict) and document.get("etag") == etag else None

    def _replace(self, name: str, write: Callable[[dict[str, Any]], str]) -> str:
        try:
            etag = self._etags[name] = write(self._conditions(name))
        except ResourceExistsError as error:  # since `begin`, or before `expect_none`
            raise ResourceModifiedError("another call has written it") from error
        except ResourceNotFoundError as error:
            if not self._create_container(error):
                raise
            etag = self._etags[name] = write(self._conditions(name))
        return etag

    def _conditions(self, name: str) -> dict[str, Any]:
        if name not in self._etags:
            return {}
        if (etag := self._etags[name]) is None:
            return _IF_MISSING
        return {"etag": etag, "match_condition": MatchConditions.IfNotModified}

    @property
    def _is_taken(self) -> bool:
        """Whether the predictions that are there are another blob's."""
        return self._found_input not in ("", self._input)

    def _etag(self, name: str) -> str | None:
        found_input = ""
        try:
            properties = self._container.get_blob_client(name).get_blob_properties()
            found_input = str((properties.metadata or {}).get(INPUT, ""))
            return str(properties.etag)
        except ResourceNotFoundError as error:
            self._create_container(error)
            return None
        finally:
            if name == self._name:
                self._found_input = found_input

    def _create_container(self, error: ResourceNotFoundError) -> bool:
        """Create the container if an error says that it is missing. Returns whether it did."""
        if error_code(error) != StorageErrorCode.CONTAINER_NOT_FOUND.value:
            return False
        with contextlib.suppress(ResourceExistsError):  # another worker was faster
            self._container.create_container()
        return True
