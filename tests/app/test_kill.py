"""kill -9 of each process while inputs arrive: every input still ends in exactly one document."""

import gc
import json
import threading
import uuid
from collections.abc import Iterator

import numpy as np
import pytest
from azure.core.exceptions import AzureError
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.servicebus.exceptions import ServiceBusError

from tests.waiting import eventually

# The SDK does not close the sockets of a killed broker; the garbage collector does.
pytestmark = [
    pytest.mark.long,  # a short form of make test-faults kills each of them in CI
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

MESSAGES = 60
BLOBS = 6
#: Azurite writes its index every five seconds; a kill loses uploads that it confirmed since then.
AZURITE_SAVES_S = 12


@pytest.fixture(autouse=True)
def sockets_collected():
    """Collect the sockets here, so that no other test gets their warnings."""
    yield
    gc.collect()


def rows() -> Iterator[list[float]]:
    yield from np.random.default_rng().random((MESSAGES, 3)).round(6).tolist()


class Senders:
    """Sends messages and blobs at a steady pace, and tries again on errors."""

    def __init__(self, app) -> None:
        self.app = app
        self.names = [uuid.uuid4().hex for _ in range(MESSAGES)]
        self.blobs = [f"{uuid.uuid4().hex}.csv" for _ in range(BLOBS)]
        self.half = threading.Event()
        self.go_on = threading.Event()
        self._threads = [
            threading.Thread(target=target, daemon=True) for target in (self._send, self._upload)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def _send(self) -> None:
        for number, (name, row) in enumerate(zip(self.names, rows(), strict=True)):
            message = ServiceBusMessage(json.dumps([row]), message_id=name)
            self._until_done(lambda message=message: self.app.send(message), ServiceBusError)
            if number == MESSAGES // 2:
                self.half.set()

    def _upload(self) -> None:
        for name in self.blobs:
            text = b"0.9,0.9,0.9\n" + f"{uuid.uuid4().int % 1000},0.1,0.1\n".encode()
            self._until_done(lambda n=name, t=text: self.app.upload(n, t), AzureError)

    def _until_done(self, send, outage) -> None:
        def sent() -> bool:
            try:
                send()
            except outage:
                return False
            return True

        eventually(sent, 60)


def is_drained(app) -> bool:
    """Whether the input queue holds no message, locked or not."""
    with (
        ServiceBusClient.from_connection_string(app.servicebus.connection_string) as client,
        client.get_queue_receiver("scoring-requests") as receiver,
    ):
        return bool(eventually(lambda: not receiver.peek_messages(1), 60))


@pytest.mark.timeout(180)
@pytest.mark.parametrize("victim", ["host", "redis", "azurite", "servicebus"])
def test_every_input_ends_in_exactly_one_document_after_a_kill(make_app, victim):
    app = make_app()
    senders = Senders(app)
    senders.start()
    assert senders.half.wait(60)
    if victim == "azurite":
        senders.join()
        _saved(app)
    if victim == "host":
        app.host.kill()
        app.start_host()
    else:
        server = getattr(app, victim)
        server.kill()
        server.start()
    senders.join()

    reports = [_report(app, name) for name in senders.blobs]
    expected = [*senders.names, *(report["id"] for report in reports)]
    app.inbox.of(*expected, timeout_s=60)
    assert is_drained(app)
    # A second document of an input would have come before this one.
    app.send(ServiceBusMessage("[[1,1,1]]", message_id="last"))
    app.inbox.of("last")
    assert app.inbox.counts() == dict.fromkeys([*expected, "last"], 1)
    assert {document["status"] for document in app.inbox.documents} == {"succeeded"}


def _report(app, name: str):
    def there():
        try:
            return app.output(f"{name}.report.json")
        except AzureError:
            return None

    return json.loads(eventually(there, 60))


def _saved(app) -> None:
    """Wait until Azurite's index on disk names every blob that was uploaded."""
    index = app.folder / "azurite" / "data" / "__azurite_db_blob__.json"
    names = {blob.name for blob in app._container("scoring-input").list_blobs()}
    eventually(
        lambda: index.exists() and all(name in index.read_text() for name in names),
        AZURITE_SAVES_S,
    )
