"""The blob trigger over an account of Azurite, with all its parts in reach."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from azure.storage.blob import BlobServiceClient, ContainerClient

from inference.results.result_store import ResultStore
from inference.serving.scorer import Scorer
from tests.servers import AzuriteProcess
from triggers.blob_options import NO_OPTIONS, BlobOptions
from triggers.blob_trigger.blob_attempts import BlobAttempts
from triggers.blob_trigger.blob_scoring import BlobHandler
from triggers.blob_trigger.document_delivery import DocumentDelivery
from triggers.blob_trigger.exhausted_blobs import ExhaustedBlobs
from triggers.delivery.outbox import Outbox
from triggers.delivery.output_queue import Outgoing
from triggers.retry import Retry
from triggers.storage.storage_clients import options as client_options
from triggers.storage.storage_threads import BlobThreads


@dataclass
class Storage:
    """Containers of one test's own: `source` is there, `output` and `tries` are not."""

    client: BlobServiceClient
    source: ContainerClient
    output: ContainerClient
    tries: ContainerClient

    def written(self, name: str) -> bytes:
        """A blob of the output container. Raises ResourceNotFoundError."""
        return bytes(self.output.download_blob(name).readall())

    def report(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.written(f"{name}.report.json"))
        return found

    def outputs(self) -> list[str]:
        return sorted(self.output.list_blob_names()) if self.output.exists() else []

    def markers(self) -> list[str]:
        return sorted(self.tries.list_blob_names()) if self.tries.exists() else []


@contextmanager
def storage_of(azurite: AzuriteProcess) -> Iterator[Storage]:
    with BlobServiceClient.from_connection_string(azurite.connection_string) as client:
        number = len(list(client.list_containers()))
        yield Storage(
            client,
            client.create_container(f"in-{number}"),
            client.get_container_client(f"out-{number}"),
            client.get_container_client(f"tries-{number}"),
        )


@dataclass
class Queue:
    """An output queue. It takes no message while `error` is set."""

    messages: list[Outgoing] = field(default_factory=list)
    error: Exception | None = None

    async def send(self, message: Outgoing) -> None:
        if self.error is not None:
            raise self.error
        self.messages.append(message)

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [json.loads(message.body) for message in self.messages]


@dataclass
class Parts:
    """A handler and what belongs to it; `sent` are the documents on the output queue."""

    handler: BlobHandler
    exhausted: ExhaustedBlobs
    attempts: BlobAttempts
    threads: BlobThreads
    delivery: DocumentDelivery
    queue: Queue

    @property
    def sent(self) -> list[dict[str, Any]]:
        return self.queue.documents


def parts(
    scorer: Scorer,
    results: ResultStore,
    storage: Storage,
    *,
    connection_string: str = "",
    max_attempts: int = 5,
    retry: Retry | None = None,
    max_attempt_s: float = 60.0,
    late_s: float = 60.0,
    options: BlobOptions = NO_OPTIONS,
    queue: Queue | None = None,
) -> Parts:
    """By default nothing is retried, and markers look `late_s` older than they are.

    `connection_string` leads to the account another way.
    """
    account = storage.client
    if connection_string:
        account = BlobServiceClient.from_connection_string(connection_string, **client_options())
    outbox = Outbox(results, scorer.finished, trigger="blob")
    threads = BlobThreads()
    attempts = BlobAttempts(
        account.get_container_client(storage.tries.container_name),
        max_attempts=max_attempts,
        clock=lambda: time.time() + late_s,
    )
    queue = queue or Queue()
    delivery = DocumentDelivery(attempts, threads, queue.send, scorer.counts)
    exhausted = ExhaustedBlobs(
        scorer,
        outbox,
        account=account,
        output=storage.output.container_name,
        attempts=attempts,
        threads=threads,
        delivery=delivery,
    )
    handler = BlobHandler(
        scorer,
        outbox,
        attempts=attempts,
        exhausted=exhausted,
        delivery=delivery,
        threads=threads,
        retry=retry or Retry(max_s=0.0),
        max_attempt_s=max_attempt_s,
        options=options,
    )
    return Parts(handler, exhausted, attempts, threads, delivery, queue)
