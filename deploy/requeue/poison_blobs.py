"""Blobs in the poison queue. A blob is sent again by copying it onto itself.

The copy has a new ETag, which a container scan finds, and raises an event, which Event Grid
delivers: this works however the app finds its blobs. The content stays within the account.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobClient, BlobServiceClient

from deploy.connections import POISON_QUEUE
from deploy.errors import Refused
from deploy.requeue.failed_inputs import UNREADABLE, FailedInput, Status
from triggers.blob_trigger.blob_output import REPORT

if TYPE_CHECKING:  # it may not be installed: deploy.connections says so
    from azure.storage.queue import QueueMessage, QueueServiceClient

#: A queue lets nobody peek at more than 32 messages. They are received, invisible to others for
#: these seconds, and put back. If the command is killed, they appear again after this time.
VISIBILITY_TIMEOUT_S = 30
#: The most messages that a queue delivers at once.
PAGE = 32
COPY_POLL_S = 0.5
#: Seconds to wait for a copy. The next run shows what became of a slower one.
COPY_S = 600.0


class PoisonBlobs:
    """The poison queue of one account. Blocking. Raises AzureError."""

    def __init__(self, blobs: BlobServiceClient, queues: QueueServiceClient, output: str) -> None:
        self._blobs, self._output = blobs, output
        self._queue = queues.get_queue_client(POISON_QUEUE)

    def receive(self, page: int = PAGE) -> list[FailedInput]:
        """The next blobs, at most `page`, oldest first; none at the end of the queue.

        The queue shows them again after VISIBILITY_TIMEOUT_S, unless they are sent before.
        """
        try:
            messages = self._queue.receive_messages(
                max_messages=page, messages_per_page=page, visibility_timeout=VISIBILITY_TIMEOUT_S
            )
            return [self._failed_input(message) for message in messages]
        except ResourceNotFoundError:
            return []

    def put_back(self, failed: FailedInput) -> None:
        with suppress(HttpResponseError):  # its visibility timeout has passed
            self._queue.update_message(failed.handle, visibility_timeout=0)

    def send(self, failed: FailedInput) -> Status:
        """Send a blob again and remove it from the queue; "deleted" or "replaced" if it can't be.

        Raises Refused where the copy failed: the blob then stays in the queue.
        """
        content = _parse(failed.handle)
        blob = self._blobs.get_blob_client(content["ContainerName"], content["BlobName"])
        status: Status = "sent"
        try:
            _copy_onto_itself(blob, _quote(content["ETag"]))
        except ResourceNotFoundError:
            status = "deleted"
        except ResourceModifiedError:
            status = "replaced"
        with suppress(
            HttpResponseError
        ):  # its visibility timeout has passed: the next run removes it
            self._queue.delete_message(failed.handle)
        return status

    def _failed_input(self, message: QueueMessage) -> FailedInput:
        try:
            content = _parse(message)
            name = f"{content['ContainerName']}/{content['BlobName']}"
        except (ValueError, KeyError):
            return FailedInput(
                kind="blob",
                name=message.id,
                reason=UNREADABLE,
                detail=f"expected a message of a blob trigger: look at it in queue {POISON_QUEUE}",
                age_s=_age_s(message),
                handle=message,
            )
        error = self._error(content)
        return FailedInput(
            kind="blob",
            name=name,
            reason=error.get("code", "unknown"),
            detail=error.get("message", "this version of the blob has no report"),
            age_s=_age_s(message),
            handle=message,
        )

    def _error(self, content: Mapping[str, Any]) -> Mapping[str, str]:
        """The error in the report, if the report is about this version of the blob."""
        report = self._blobs.get_blob_client(self._output, f"{content['BlobName']}{REPORT}")
        try:
            document = orjson.loads(report.download_blob().readall())
            if _quote(document["etag"]) == _quote(content["ETag"]):
                return dict(document["error"] or {})
        except (AzureError, ValueError, KeyError, TypeError, AttributeError):
            pass
        return {}


def _copy_onto_itself(blob: BlobClient, etag: str) -> None:
    """Content, metadata, properties and tags stay the same.

    Raises ResourceModifiedError if the blob has another ETag.
    """
    properties = blob.get_blob_properties()
    tags: dict[str, Any] = {"tags": blob.get_blob_tags()} if properties.tag_count else {}
    copy = blob.start_copy_from_url(
        blob.url.partition("?")[0],
        etag=etag,
        match_condition=MatchConditions.IfNotModified,
        **tags,
    )
    status: object = copy["copy_status"]
    ends_at = time.monotonic() + COPY_S
    while status == "pending" and time.monotonic() < ends_at:
        time.sleep(COPY_POLL_S)
        status = blob.get_blob_properties().copy.status
    if status != "success":
        raise Refused(f"its copy onto itself is {status}: try again")


def _parse(message: QueueMessage) -> dict[str, Any]:
    """The platform's JSON object, in Base64 or, by host.json, as it is. Raises ValueError."""
    text = str(message.content)
    content = json.loads(text if text.startswith("{") else base64.b64decode(text))
    if not isinstance(content, dict):
        raise ValueError("no object")  # noqa: TRY004 - one kind of error for the caller
    return content


def _quote(etag: object) -> str:
    return '"' + str(etag).strip('"') + '"'


def _age_s(message: QueueMessage) -> float:
    put: datetime | None = message.inserted_on
    return 0.0 if put is None else (datetime.now(UTC) - put).total_seconds()
