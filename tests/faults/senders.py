"""Load through all three triggers, by senders that record each confirmation."""

from __future__ import annotations

import http.client
import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable

from azure.core.exceptions import AzureError
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSender
from azure.storage.blob import BlobServiceClient

from local.emulators.ports import HOST
from tests.faults.ledger import Ledger, Rows
from tests.faults.outcome import Outcome
from tests.running_app import App

#: Seconds that an answer may take while something is being killed.
PATIENCE_S = 30
ROWS_A_BLOB = 20


class Senders:
    """Callers, each in a thread, each at its own pace, from `start` to `stop`."""

    def __init__(
        self, app: App, ledger: Ledger, rows: Rows, outcome: Outcome, *, http: bool = True
    ) -> None:
        self.statuses: Counter[int] = Counter()
        #: Requests whose connection ended without an answer: their process was killed.
        self.broken = 0
        self.sent: Counter[str] = Counter()
        #: HTTP statuses that are allowed beside 200 and 202.
        self.allowed = frozenset({503, 504})
        self._app, self._ledger, self._rows, self._outcome = app, ledger, rows, outcome
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._storage = BlobServiceClient.from_connection_string(
            app.azurite.connection_string, retry_total=0
        )
        paces = [(0.05, self._send()), (0.4, self._upload)]
        if http:
            paces += [(0.02, self._ask), (0.03, self._ask), (0.1, self._ask_later)]
        self._threads = [
            threading.Thread(target=self._every, args=pace, daemon=True) for pace in paces
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE_S)

    def _every(self, seconds: float, act: Callable[[], None]) -> None:
        due = time.monotonic()
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            act()
            due = max(due + seconds, time.monotonic())

    # -- HTTP ---------------------------------------------------------------------------------

    def _ask(self) -> None:
        rows, expected = self._rows.take()
        reply = self._post(rows)
        if reply is None:
            return
        status, body = reply
        if status == 200 and json.loads(body) != expected:
            self._outcome.fault(f"{rows}: {body[:100]!r}", "wrong prediction")
        elif status not in self.allowed | {200}:
            self._outcome.fault(f"{status} {body[:200]!r}", f"HTTP answered {status}")

    def _ask_later(self) -> None:
        rows, expected = self._rows.take()
        name = f"later-{uuid.uuid4().hex}"
        reply = self._post(rows, {"prefer": "respond-async", "x-request-id": name})
        status = reply[0] if reply else 0
        # A request that was refused or cut off may have been enqueued; one answered 200 was not.
        if status == 202:
            self._ledger.enter(name, expected, accepted=True)
            self.sent["async"] += 1
        elif status == 200 and reply and json.loads(reply[1]) != expected:
            self._outcome.fault(f"{rows}: {reply[1][:100]!r}", "wrong prediction")
        elif status != 200:
            self._ledger.enter(name, expected, accepted=False)
            if status not in self.allowed | {0}:
                self._outcome.fault(f"{status} {reply}", f"respond-async answered {status}")

    def _post(
        self, rows: list[list[float]], more: dict[str, str] | None = None
    ) -> tuple[int, bytes] | None:
        connection = http.client.HTTPConnection(HOST, self._app.host.port, timeout=PATIENCE_S)
        headers = {"content-type": "application/json", **(more or {})}
        try:
            connection.request("POST", "/api/score", json.dumps(rows), headers)
            response = connection.getresponse()
            body = response.read()
        except TimeoutError:
            self._outcome.lose(f"{rows} waits for more than {PATIENCE_S} s", "an answer is late")
            return None
        except (OSError, http.client.HTTPException):
            with self._lock:
                self.broken += 1
            return None
        finally:
            connection.close()
        with self._lock:
            self.sent["HTTP"] += 1
            self.statuses[response.status] += 1
        return response.status, body

    # -- Service Bus --------------------------------------------------------------------------

    def _send(self) -> Callable[[], None]:
        link: list[tuple[ServiceBusClient, ServiceBusSender]] = []

        def send() -> None:
            rows, expected = self._rows.take()
            name = f"message-{uuid.uuid4().hex}"
            try:
                if not link:
                    client = ServiceBusClient.from_connection_string(
                        self._app.servicebus.connection_string, retry_total=0
                    )
                    link.append((client, client.get_queue_sender("scoring-requests")))
                link[0][1].send_messages(ServiceBusMessage(json.dumps(rows), message_id=name))
            except (AzureError, OSError, ValueError):
                self._ledger.enter(name, expected, accepted=False)
                link.clear()
                self._stopping.wait(0.2)
            else:
                self._ledger.enter(name, expected, accepted=True)
                self.sent["messages"] += 1

        return send

    # -- blobs --------------------------------------------------------------------------------

    def _upload(self) -> None:
        rows, expected = self._rows.take(ROWS_A_BLOB)
        name = f"blob-{uuid.uuid4().hex}.csv"
        text = "".join(",".join(map(repr, row)) + "\n" for row in rows)
        try:
            with self._storage.get_container_client("scoring-input") as container:
                if not container.exists():  # a kill of Azurite may have lost it
                    container.create_container()
                container.upload_blob(name, text)
        except (AzureError, OSError):
            self._ledger.enter(name, expected, accepted=False)
            self._stopping.wait(0.2)
        else:
            self._ledger.enter(name, expected, accepted=True)
            self.sent["blobs"] += 1
