"""The three ways of a file through the app. Each sends it, waits, and returns what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.servicebus import ServiceBusMessage
from azure.storage.blob import ContainerClient, ContentSettings

from deploy import connections
from deploy.errors import Refused
from deploy.submission.results import Response, ResultsClient
from inference.errors import UnsupportedType
from inference.rows import media_types
from inference.rows.content_encoding import split_ending
from triggers.blob_trigger.blob_output import REPORT, output_name
from triggers.service_bus_trigger.claims import CLAIM
from triggers.settings import SERVICE_BUS, STORAGE, TriggerSettings

#: Seconds between two looks for the result.
POLL_S = 0.5
#: A larger file goes into a blob that the message names.
CLAIM_BYTES = 128 * 1024


class Report(Protocol):
    """Shows what is being done, and the share of it that is done; None while that is unknown."""

    def __call__(self, step: str, share: float | None, details: str = "") -> None: ...


@dataclass(frozen=True)
class Input:
    """A file, and the id under which its result can be found."""

    file: Path
    id: str
    #: Of the rows, before compression.
    content_type: str
    #: The compression that the file's name ends in, or "".
    encoding: str = ""

    @property
    def stem(self) -> str:
        """The file's name without its format and compression."""
        return Path(split_ending(self.file.name)[0]).stem

    @property
    def format_ending(self) -> str:
        """The format in the file's name: `.csv`."""
        return Path(split_ending(self.file.name)[0]).suffix

    @property
    def ending(self) -> str:
        """The format and the compression in the file's name: `.csv.gz`."""
        return self.file.name[len(self.stem) :]

    @property
    def can_be_answer(self) -> bool:
        """Whether HTTP can answer in its format."""
        return self.content_type not in media_types.COLUMNAR

    @classmethod
    def of(cls, file: Path) -> Input:
        """Raises Refused."""
        if not file.is_file():
            raise Refused(f"{file} is not a file: name the one with the rows to score")
        try:
            name, encoding = split_ending(file.name)
        except UnsupportedType as error:
            raise Refused(f"{file.name}: {error}") from error
        content_type = media_types.BY_ENDING.get(Path(name).suffix.lower(), "")
        if not content_type:
            expected = ", ".join(media_types.BY_ENDING)
            raise Refused(f"{file.name}: expected one of {expected}, also with .gz or .zst behind")
        return cls(file, uuid.uuid4().hex, content_type, encoding)


@dataclass(frozen=True)
class Outcome:
    """How it ended. `document` is the result document, or a blob's report."""

    id: str
    succeeded: bool
    message: str
    document: Mapping[str, Any]


@dataclass(frozen=True)
class Submission:
    """What the ways have in common."""

    source: Input
    output: Path
    env: Mapping[str, str]
    triggers: TriggerSettings
    results: ResultsClient
    report: Report


def by_http(way: Submission) -> Outcome:
    """One request with the whole file, which answers with the predictions."""
    source = way.source
    way.report("scoring", None)
    accept = source.content_type if source.can_be_answer else media_types.JSON
    with source.file.open("rb") as body:
        size = source.file.stat().st_size
        answer = way.results.score(
            body, size, source.content_type, accept, source.id, encoding=source.encoding
        )
    if answer.status != 200:
        return Outcome(source.id, False, _reason(answer), answer.document())
    with _output(way.output) as target:
        target.write_bytes(answer.body)
    return Outcome(source.id, True, f"{len(answer.body):,} bytes of predictions", {})


def by_queue(way: Submission) -> Outcome:
    """One message with the whole file, or with the name of a blob that has it.

    The result document is fetched by its id.
    """
    source = way.source
    way.report("sending", None)
    properties: dict[str | bytes, Any] = {"content_type": source.content_type}
    if source.encoding:
        properties["content_encoding"] = source.encoding
    body = b""
    if source.file.stat().st_size > CLAIM_BYTES:
        properties[CLAIM] = _upload_claim(way)
    else:
        body = source.file.read_bytes()
    message = ServiceBusMessage(
        body,
        message_id=source.id,
        session_id=source.id if way.triggers.sessions_enabled else None,
        application_properties=properties,
    )
    try:
        asyncio.run(_send(way, message))
    except AzureError as error:
        raise Refused(f"the {way.triggers.input}: {type(error).__name__}") from error
    while (answer := way.results.result(source.id)).status != 200:
        if answer.status not in (202, 404, 503):  # 404: it is not known before it is scored
            raise Refused(f"the app refused to tell the result: {_reason(answer)}")
        way.report("scoring", None)
        time.sleep(POLL_S)
    document = answer.document()
    if document["status"] == "succeeded":
        with _output(way.output) as target:
            target.write_text(json.dumps(document["result"]))
    return _outcome(source.id, document)


def _upload_claim(way: Submission) -> str:
    """Upload the file for a message that names it. Returns the blob's name."""
    name = f"{way.source.stem}-{way.source.id[:8]}{way.source.ending}"
    account = connections.blobs(way.env, STORAGE)
    try:
        _upload(way, account.get_container_client(way.triggers.claim_container), name)
    except AzureError as error:
        raise Refused(f"storage: {type(error).__name__}: check {STORAGE}") from error
    return name


async def _send(way: Submission, message: ServiceBusMessage) -> None:
    async with (
        connections.service_bus(way.env, SERVICE_BUS) as client,
        way.triggers.input.sender(client) as sender,
    ):
        await sender.send_messages(message)


def by_blob(way: Submission) -> Outcome:
    """A blob of any size. Its output is another blob; its report is fetched with it."""
    source, path = way.source, way.triggers.input_blob_path
    name = f"{source.stem}-{source.id[:8]}{source.ending}"
    name = path.partition("/")[2].replace("{name}", name)
    account = connections.blobs(way.env, STORAGE)
    written = account.get_container_client(way.triggers.output_container)
    try:
        _upload(way, account.get_container_client(path.partition("/")[0]), name)
        while (report := _read_report(written, name + REPORT)) is None:
            way.report("scoring", *_progress(way))
            time.sleep(POLL_S)
        if report["status"] == "succeeded":
            place = report.get("output") or f"{written.container_name}/{output_name(name)}"
            _download(way, written, place.partition("/")[2])
    except AzureError as error:
        raise Refused(f"storage: {type(error).__name__}: check {STORAGE}") from error
    return _outcome(source.id, report)


def _upload(way: Submission, container: ContainerClient, name: str) -> None:
    with contextlib.suppress(ResourceExistsError):
        container.create_container()
    size = way.source.file.stat().st_size
    with way.source.file.open("rb") as content:
        container.upload_blob(
            name,
            content,
            length=size,
            metadata={"request_id": way.source.id},
            content_settings=ContentSettings(content_type=way.source.content_type),
            progress_hook=lambda done, _: way.report("uploading", done / size if size else 1.0),
        )


def _download(way: Submission, container: ContainerClient, name: str) -> None:
    with _output(way.output) as target, target.open("wb") as file:
        stream = container.download_blob(
            name,
            progress_hook=lambda done, size: way.report("downloading", done / size if size else 1),
        )
        stream.readinto(file)


def _progress(way: Submission) -> tuple[float | None, str]:
    """How much of the input is scored, and details. None of an app without its HTTP trigger."""
    with contextlib.suppress(Refused):
        answer = way.results.result(way.source.id)
        if answer.status == 202:
            return format_progress(answer.document())
    return None, ""


def format_progress(running: Mapping[str, Any]) -> tuple[float | None, str]:
    """The share and the details of a job's progress, as /api/results/{id} has them."""
    details = []
    if running.get("rows"):
        details += [f"{running['rows']:,} rows", f"{running['rows_per_s']:,.0f}/s"]
    if failed := running.get("failed"):
        details.append(f"{failed:,} failed")
    if (left_s := running.get("seconds_left")) is not None:
        details.append(f"{int(left_s) // 60}:{int(left_s) % 60:02} left")
    return running.get("share"), ", ".join(details)


def _read_report(container: ContainerClient, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(container.download_blob(name).readall())
    except ResourceNotFoundError:
        return None
    return found


def _outcome(request_id: str, document: Mapping[str, Any]) -> Outcome:
    succeeded = document["status"] == "succeeded"
    if not succeeded:
        return Outcome(request_id, False, document["error"]["message"], document)
    rows = document.get("rows")
    message = "" if rows is None else f"{rows:,} rows, {document['failed']:,} failed"
    return Outcome(request_id, True, message, document)


def _reason(answer: Response) -> str:
    error = answer.document().get("error")
    if isinstance(error, dict):
        return str(error.get("message"))
    hint = ": give the app's key by --key" if answer.status == 401 else ""
    return f"HTTP {answer.status}{hint}"


@contextmanager
def _output(file: Path) -> Iterator[Path]:
    """A file beside the output, which takes its place once it is whole."""
    part = file.with_name(f"{file.name}.part")
    try:
        yield part
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
