"""Files that a page sends to be scored as blobs, and fetches scored: a page can't write blobs.

It imports the storage SDK, and it blocks: call it in a thread. It reads and writes no other blobs
than those whose names it made itself.
"""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import orjson
from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import ContainerClient, ContentSettings

from inference import output_choice
from inference.errors import InputTooLarge, MalformedInput, Overloaded, UnsupportedType
from inference.limits import Limits
from inference.rows import file_formats, media_types
from inference.rows.content_encoding import split_ending
from triggers.blob_trigger.blob_work import REQUEST_ID
from triggers.settings import STORAGE, TriggerSettings
from triggers.storage import storage_errors
from triggers.storage.blob_names import Place
from triggers.storage.storage_clients import BlobStorage

_ID = re.compile(r"console-[0-9a-f]{32}(\.[a-z]{2,8}){1,2}")
#: A scored file has more columns than its input. Of MAX_BODY_BYTES.
OUTPUT_FACTOR = 2
AWAY = "storage does not answer; try again later"


@dataclass(frozen=True, slots=True)
class ScoredFile:
    """The first bytes of an output, or all."""

    content: bytes
    #: Of the whole output, in bytes.
    size: int
    #: `scored.csv`
    name: str


class JobFiles:
    """Writes into the input container, reads from the output container."""

    def __init__(self, env: Mapping[str, str], settings: TriggerSettings, limits: Limits) -> None:
        self._storage, self._limits = BlobStorage(env), limits
        self._container, _, self._pattern = settings.input_blob_path.partition("/")
        self._output = settings.output_container

    def __repr__(self) -> str:
        return f"<JobFiles {self._container} to {self._output}>"

    def submit(self, name: str, body: bytes, output: str) -> str:
        """Upload a file. Returns its id, which is its result's too. Raises ScoringError.

        `output`: one of inference.output_choice.OUTPUTS, or empty for the setting's.
        """
        self._limits.check_bytes(len(body))
        if not body:
            raise MalformedInput("the file is empty; expected at least one row")
        metadata = {"output": output_choice.choose(output)} if output else {}
        file_id = f"console-{uuid.uuid4().hex}{_ending(name)}"
        container = self._storage.container(Place(STORAGE, self._container))
        try:
            try:
                self._upload(container, file_id, body, metadata)
            except ResourceNotFoundError:
                with contextlib.suppress(ResourceExistsError):  # another process created it
                    container.create_container()
                self._upload(container, file_id, body, metadata)
        except AzureError as error:
            raise _refusal(error) from error
        return file_id

    def output(self, file_id: str, first: int | None) -> ScoredFile | None:
        """The first bytes of a scored file, or all; None if there is no scored file of this id.

        At most OUTPUT_FACTOR times MAX_BODY_BYTES. Raises ScoringError.
        """
        blob = self._output_name(file_id)
        if blob is None:
            return None
        client = self._storage.container(Place(STORAGE, self._output)).get_blob_client(blob)
        try:
            size = client.get_blob_properties().size
            limit = OUTPUT_FACTOR * self._limits.body_bytes
            if first is None and size > limit:
                raise InputTooLarge(size=size, limit=limit, unit="bytes", setting="MAX_BODY_BYTES")
            length = min(size, limit if first is None else min(first, limit))
            content = client.download_blob(0, length).readall() if length else b""
        except ResourceNotFoundError:
            return None
        except AzureError as error:
            raise _refusal(error) from error
        return ScoredFile(content, size, f"scored{blob[blob.index(file_id) + 40 :]}")

    def _output_name(self, file_id: str) -> str | None:
        """As the file's report says; None if it names no output, or one of another file."""
        report = self.report(file_id)
        place = report and orjson.loads(report)["output"]
        container, _, blob = (place or "").partition("/")
        return blob if container == self._output and file_id in blob else None

    def report(self, file_id: str) -> bytes | None:
        """A file's report; None if it is not scored yet, or the id is none of ours."""
        if not _ID.fullmatch(file_id):
            return None
        container = self._storage.container(Place(STORAGE, self._output))
        try:
            name = f"{self._name(file_id)}.report.json"
            return bytes(container.download_blob(name).readall())
        except ResourceNotFoundError:
            return None
        except AzureError as error:
            raise _refusal(error) from error

    def _upload(
        self, container: ContainerClient, file_id: str, body: bytes, metadata: Mapping[str, str]
    ) -> None:
        kind = media_types.BY_ENDING.get(PurePosixPath(file_id).suffix, "application/octet-stream")
        container.upload_blob(
            self._name(file_id),
            body,
            metadata={REQUEST_ID: file_id, **metadata},
            content_settings=ContentSettings(content_type=kind),
        )

    def _name(self, file_id: str) -> str:
        """As INPUT_BLOB_PATH asks for it. It may have other expressions than `{name}`."""
        return re.sub(r"\{\w+\}", "console", self._pattern.replace("{name}", file_id))


def _ending(name: str) -> str:
    """`.csv.gz` of a name that ends so. Raises UnsupportedType."""
    stem, _ = split_ending(name.lower())
    suffix = PurePosixPath(stem).suffix
    if suffix not in media_types.BY_ENDING:
        raise UnsupportedType(
            got=name[-40:], supported=file_formats.WORDS, what="file", why="has no known ending"
        )
    return name.lower()[len(stem) - len(suffix) :]


def _refusal(error: AzureError) -> Exception:
    if storage_errors.is_retryable(error):
        return Overloaded(AWAY)
    return storage_errors.as_scoring_error(error)
