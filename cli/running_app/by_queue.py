"""Scores a file by one message with the whole file, or with the name of a blob that has it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

from azure.core.exceptions import AzureError
from azure.servicebus import ServiceBusMessage

from cli.running_app.by_blob import upload
from cli.running_app.submission import Connections, Outcome, Submission, unusable
from deploy import connections
from triggers.service_bus_trigger.claims import CLAIM
from triggers.settings import SERVICE_BUS
from triscore_client import Refused, ResultPending, ScoringFailed

#: Seconds between two looks for a result that the app does not know yet.
POLL_S = 0.5
#: Seconds in which the queue must have taken the message.
SEND_S = 60.0
#: A larger file goes into a blob that the message names.
CLAIM_BYTES = 128 * 1024


def score(submission: Submission, app: Connections) -> Outcome:
    """Raises UsageError, ClientError, deploy.errors.Refused."""
    submission.report("sending", None)
    message = _message(submission, app)
    try:
        asyncio.run(_send(app, message))
    except (AzureError, TimeoutError) as error:
        raise unusable(f"the {app.triggers.input}", SERVICE_BUS, error) from error
    submission.report("scoring", None)
    with submission.left_with_its_id():
        document = _wait(submission)
    if document["status"] == "succeeded":
        with submission.written(submission.output) as target:
            target.write_text(json.dumps(document["result"]))
    return Outcome.of_document(submission.id, document, submission.output)


def _message(submission: Submission, app: Connections) -> ServiceBusMessage:
    rows = submission.rows
    properties: dict[str | bytes, Any] = {"content_type": rows.content_type}
    if rows.encoding:
        properties["content_encoding"] = rows.encoding
    body = b""
    if rows.size > CLAIM_BYTES:
        properties[CLAIM] = submission.blob_name
        upload(submission, app, app.triggers.claim_container, submission.blob_name)
    else:
        body = rows.content
    return ServiceBusMessage(
        body,
        message_id=submission.id,
        session_id=submission.id if app.triggers.sessions_enabled else None,
        application_properties=properties,
    )


async def _send(app: Connections, message: ServiceBusMessage) -> None:
    async with (
        asyncio.timeout(SEND_S),
        connections.service_bus(app.env, SERVICE_BUS) as client,
        app.triggers.input.sender(client) as sender,
    ):
        await sender.send_messages(message)


def _wait(submission: Submission) -> Mapping[str, Any]:
    """The result document, however long it takes. The app knows no id before it is scored."""
    while True:
        try:
            return submission.client.result(submission.id)
        except ScoringFailed as error:
            return error.document
        except ResultPending:
            pass
        except Refused as error:
            if error.status != 404:
                raise
        time.sleep(POLL_S)
