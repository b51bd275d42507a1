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
from azure.core import MatchConditions
from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobClient, ContainerClient, ContentSettings

from inference.errors import MalformedInput, Overloaded, UnsupportedType
from inference.limits import Limits
from inference.rows import file_formats, media_types
from inference.rows.content_encoding import split_ending
from triggers.blob_trigger.blob_work import REQUEST_ID
from triggers.console.file_options import NO_OPTIONS, FileOptions
from triggers.settings import STORAGE, TriggerSettings
from triggers.storage import storage_errors
from triggers.storage.blob_names import Place
from triggers.storage.storage_clients import BlobStorage

_ID = re.compile(r"console-[0-9a-f]{32}(\.[a-z]{2,8}){1,2}")
AWAY = "storage does not answer; try again later"


@dataclass(frozen=True, slots=True)
class ScoredFile:
    """A version of an output."""

    #: Of its blob.
    blob: str
    #: `scored.csv`
    name: str
    #: In bytes.
    size: int
    etag: str


class JobFiles:
    """Writes into the input container, reads from the output container."""

    def __init__(self, env: Mapping[str, str], settings: TriggerSettings, limits: Limits) -> None:
        self._storage, self._limits = BlobStorage(env), limits
        self._container, _, self._pattern = settings.input_blob_path.partition("/")
        self._output = settings.output_container

    def __repr__(self) -> str:
        return f"<JobFiles {self._container} to {self._output}>"

    def submit(self, name: str, body: bytes, options: FileOptions = NO_OPTIONS) -> str:
        """Upload a file. Returns its id, which is its result's too. Raises ScoringError."""
        self._limits.check_bytes(len(body))
        if not body:
            raise MalformedInput("the file is empty; expected at least one row")
        file_id = f"console-{uuid.uuid4().hex}{_ending(name)}"
        container = self._storage.container(Place(STORAGE, self._container))
        try:
            try:
                self._upload(container, file_id, body, options)
            except ResourceNotFoundError:
                with contextlib.suppress(ResourceExistsError):  # another process created it
                    container.create_container()
                self._upload(container, file_id, body, options)
        except AzureError as error:
            raise _refusal(error) from error
        return file_id

    def find(self, file_id: str) -> ScoredFile | None:
        """A scored file; None if there is none of this id. Raises ScoringError."""
        blob = self._output_name(file_id)
        if blob is None:
            return None
        try:
            found = self._scored(blob).get_blob_properties()
        except ResourceNotFoundError:
            return None
        except AzureError as error:
            raise _refusal(error) from error
        name = f"scored{blob[blob.index(file_id) + 40 :]}"
        return ScoredFile(blob, name, found.size, str(found.etag))

    def read(self, file: ScoredFile, start: int, length: int) -> bytes:
        """Bytes of a scored file. Raises ScoringError, also if it was replaced since."""
        if not length:
            return b""
        unchanged = MatchConditions.IfNotModified
        try:
            stream = self._scored(file.blob).download_blob(
                start, length, etag=file.etag, match_condition=unchanged
            )
            return bytes(stream.readall())
        except AzureError as error:
            raise _refusal(error) from error

    def _scored(self, blob: str) -> BlobClient:
        return self._storage.container(Place(STORAGE, self._output)).get_blob_client(blob)

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
        self, container: ContainerClient, file_id: str, body: bytes, options: FileOptions
    ) -> None:
        kind = media_types.BY_ENDING.get(PurePosixPath(file_id).suffix, "application/octet-stream")
        container.upload_blob(
            self._name(file_id),
            body,
            metadata={REQUEST_ID: file_id, **options.metadata},
            content_settings=ContentSettings(content_type=options.content_type(kind)),
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
