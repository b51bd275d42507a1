"""Reads the queue of results, whatever happens to the broker meanwhile."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from typing import Any

from azure.core.exceptions import AzureError
from azure.servicebus import ServiceBusClient


class Inbox:
    """Documents by the number that the broker gave them.

    A message that was read but whose settling the broker did not live to see comes again, with
    the same number: it is one document, not two.
    """

    def __init__(self, connection_string: str, queue: str = "scoring-results") -> None:
        self._connection_string, self._queue = connection_string, queue
        self._documents: dict[int, dict[str, Any]] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._read, name="inbox", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        return len(self._documents)

    def by_input(self) -> dict[str, list[dict[str, Any]]]:
        """Documents by the name of their input: a blob's path, else the id."""
        found = defaultdict(list)
        for document in list(self._documents.values()):
            found[_input(document)].append(document)
        return found

    def close(self) -> None:
        self._closing.set()
        self._thread.join(10)

    def _read(self) -> None:
        while not self._closing.is_set():
            try:
                with (
                    ServiceBusClient.from_connection_string(
                        self._connection_string, retry_total=0
                    ) as client,
                    client.get_queue_receiver(self._queue) as receiver,
                ):
                    while not self._closing.is_set():
                        for message in receiver.receive_messages(200, max_wait_time=0.2):
                            assert message.sequence_number is not None
                            self._documents[message.sequence_number] = json.loads(str(message))
                            receiver.complete_message(message)
            except (AzureError, OSError, ValueError):
                # The broker is away. ValueError: the SDK's word for a link that closed meanwhile.
                self._closing.wait(0.2)


def _input(document: dict[str, Any]) -> str:
    if document["source"] == "blob" and document["result"]:
        return str(document["result"]["output"]).partition("/")[2]
    return str(document["id"])
