"""Reads the result documents off their queue while the broker stops and starts again."""

from __future__ import annotations

import json
import threading
from collections import Counter, defaultdict
from typing import Any

from azure.core.exceptions import AzureError
from azure.servicebus import ServiceBusClient

from tests.waiting import eventually


class Inbox:
    """The documents that came so far. A thread reads them until `close`.

    A document is kept under its message's sequence number: if the broker ends before it has
    recorded that the message is settled, it delivers it again, and that is the same document.
    """

    def __init__(self, connection_string: str, queue: str = "scoring-results") -> None:
        self._connection_string, self._queue = connection_string, queue
        self._documents: dict[int, dict[str, Any]] = {}
        #: The application properties of their messages.
        self._properties: dict[int, dict[str, Any]] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._read, name="inbox", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        return len(self._documents)

    @property
    def documents(self) -> list[dict[str, Any]]:
        """In the order in which the broker accepted them."""
        return [self._documents[number] for number in sorted(self._documents)]

    def counts(self) -> Counter[str]:
        """How many documents each id has."""
        return Counter(document["id"] for document in self.documents)

    def of(self, *ids: str, timeout_s: float = 30) -> list[dict[str, Any]]:
        """The first document of each id, once all have come."""

        def all_of_them() -> list[dict[str, Any]] | None:
            known = {document["id"]: document for document in reversed(self.documents)}
            return [known[each] for each in ids] if set(ids) <= set(known) else None

        found: list[dict[str, Any]] = eventually(all_of_them, timeout_s)
        return found

    def properties_of(self, id_: str) -> dict[str, Any]:
        """The application properties of an id's message. `of` has returned its document."""
        number = next(n for n, document in self._documents.items() if document["id"] == id_)
        return self._properties[number]

    def by_input(self) -> dict[str, list[dict[str, Any]]]:
        """Documents by the name of their input: a blob's path, else the id."""
        found = defaultdict(list)
        for document in self.documents:
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
                            properties = message.application_properties or {}
                            self._properties[message.sequence_number] = {
                                _text(name): _text(value) for name, value in properties.items()
                            }
                            self._documents[message.sequence_number] = json.loads(str(message))
                            receiver.complete_message(message)
            except (AzureError, OSError, ValueError):
                # The broker is away. The SDK raises ValueError if the link closed during a call.
                self._closing.wait(0.2)


def _text(value: Any) -> Any:
    """The SDK leaves strings as bytes."""
    return value.decode() if isinstance(value, bytes) else value


def _input(document: dict[str, Any]) -> str:
    if document["source"] == "blob" and document["result"]:
        return str(document["result"]["output"]).partition("/")[2]
    return str(document["id"])
