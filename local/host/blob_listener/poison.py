"""Reports a blob that failed too often in the storage account's poison queue, as in Azure."""

from __future__ import annotations

import json
import logging

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobProperties
from azure.storage.queue import QueueServiceClient, TextBase64EncodePolicy

log = logging.getLogger(__name__)

QUEUE = "webjobs-blobtrigger-poison"


def send(queues: QueueServiceClient, function: str, blob: BlobProperties) -> None:
    """Send the message. A missing queue is created. Blocks. Raises AzureError."""
    queue = queues.get_queue_client(QUEUE, message_encode_policy=TextBase64EncodePolicy())
    message = json.dumps(
        {
            "Type": "BlobTrigger",
            "FunctionId": f"Host.Functions.{function}",
            "BlobType": "BlockBlob",
            "ContainerName": blob.container,
            "BlobName": blob.name,
            "ETag": f'"{blob.etag.strip(chr(34))}"',
        }
    )
    try:
        queue.send_message(message)
    except ResourceNotFoundError:
        try:
            queue.create_queue()
        except ResourceExistsError:
            log.debug("another process created %s", QUEUE)
        queue.send_message(message)
