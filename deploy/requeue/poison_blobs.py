"""Blobs in the poison queue, and how one is brought again: it is copied onto itself.

That makes a new ETag, which a scan finds, and an event, which Event Grid tells: nothing has to be
known of how the app's blobs are found, and nothing of the blob passes through this machine.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import orjson
from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobClient, BlobServiceClient
from azure.storage.queue import QueueMessage, QueueServiceClient

from deploy.errors import Refused
from deploy.requeue.given_up import UNREADABLE, GivenUp
from local.host.blob_listener.poison import QUEUE
from triggers.blob_trigger.blob_output import REPORT

#: A queue shows no more than 32 messages without taking them: they are taken for so many seconds,
#: and put back. Whoever kills the command finds them there after that.
TAKEN_S = 30
#: Most that are taken at once.
PAGE = 32
COPY_POLL_S = 0.5
#: What a copy that takes longer than this has come to is seen at the next run.
COPY_S = 600.0


class PoisonBlobs:
    """One account's. Blocking. Raises AzureError."""

    def __init__(self, blobs: BlobServiceClient, queues: QueueServiceClient, output: str) -> None:
        self._blobs, self._output = blobs, output
        self._queue = queues.get_queue_client(QUEUE)

    def take(self, page: int = PAGE) -> list[GivenUp]:
        """Some more of them, at most `page`, oldest first; none where all were taken.

        They come again after TAKEN_S, unless each was put back or sent.
        """
        try:
            taken = self._queue.receive_messages(
                max_messages=page, messages_per_page=page, visibility_timeout=TAKEN_S
            )
            return [self._given_up(message) for message in taken]
        except ResourceNotFoundError:
            return []

    def put_back(self, given_up: GivenUp) -> None:
        with suppress(HttpResponseError):  # it is back already
            self._queue.update_message(given_up.handle, visibility_timeout=0)

    def send(self, given_up: GivenUp) -> str:
        """Bring a blob again and take it off the queue; returns what was done, in words.

        Raises Refused where its copy failed: it is then still listed.
        """
        told = _told(given_up.handle)
        blob = self._blobs.get_blob_client(told["ContainerName"], told["BlobName"])
        try:
            _copy_onto_itself(blob, _quoted(told["ETag"]))
            done = "sent"
        except ResourceNotFoundError:
            done = "it was deleted: taken off the list"
        except ResourceModifiedError:
            done = "it was replaced or sent since: taken off the list"
        with suppress(HttpResponseError):  # it is back already: the next run takes it off
            self._queue.delete_message(given_up.handle)
        return done

    def _given_up(self, message: QueueMessage) -> GivenUp:
        try:
            told = _told(message)
            name = f"{told['ContainerName']}/{told['BlobName']}"
        except (ValueError, KeyError):
            return GivenUp(
                kind="blob",
                name=message.id,
                reason=UNREADABLE,
                detail="the queue's message is not what a blob trigger writes: look at it yourself",
                age_s=_age_s(message),
                handle=message,
            )
        error = self._error(told)
        return GivenUp(
            kind="blob",
            name=name,
            reason=error.get("code", "unknown"),
            detail=error.get("message", "no report of this version of it"),
            age_s=_age_s(message),
            handle=message,
        )

    def _error(self, told: Mapping[str, Any]) -> Mapping[str, str]:
        """What the report of this very version says."""
        report = self._blobs.get_blob_client(self._output, f"{told['BlobName']}{REPORT}")
        try:
            document = orjson.loads(report.download_blob().readall())
            if _quoted(document["etag"]) == _quoted(told["ETag"]):
                return dict(document["error"] or {})
        except (AzureError, ValueError, KeyError, TypeError, AttributeError):
            pass
        return {}


def _copy_onto_itself(blob: BlobClient, etag: str) -> None:
    """Content, metadata, properties and tags stay what they are.

    Raises ResourceModifiedError where another version stands in its place.
    """
    properties = blob.get_blob_properties()
    tags: dict[str, Any] = {"tags": blob.get_blob_tags()} if properties.tag_count else {}
    begun = blob.start_copy_from_url(
        blob.url.partition("?")[0],
        etag=etag,
        match_condition=MatchConditions.IfNotModified,
        **tags,
    )
    status: object = begun["copy_status"]
    ends_at = time.monotonic() + COPY_S
    while status == "pending" and time.monotonic() < ends_at:
        time.sleep(COPY_POLL_S)
        status = blob.get_blob_properties().copy.status
    if status != "success":
        raise Refused(f"{blob.container_name}/{blob.blob_name}: its copy onto itself is {status}")


def _told(message: QueueMessage) -> dict[str, Any]:
    """What the platform wrote, in Base64 unless it was told otherwise. Raises ValueError."""
    content = str(message.content)
    told = json.loads(content if content.startswith("{") else base64.b64decode(content))
    if not isinstance(told, dict):
        raise ValueError("no object")  # noqa: TRY004 - one kind of refusal
    return told


def _quoted(etag: object) -> str:
    return '"' + str(etag).strip('"') + '"'


def _age_s(message: QueueMessage) -> float:
    put: datetime | None = message.inserted_on
    return 0.0 if put is None else (datetime.now(UTC) - put).total_seconds()
