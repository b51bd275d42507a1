"""A message that kills its process at every try; then it is fixed and requeued."""

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from tests.waiting import eventually

pytestmark = pytest.mark.long

TRIES = 3
SCRIPT = """
import os, signal, pathlib
BROKEN = pathlib.Path(__file__).with_name("broken")
def init(): ...
def run(raw_data):
    if BROKEN.exists():
        with BROKEN.open("a") as kills:
            kills.write("x")
        os.kill(os.getpid(), signal.SIGKILL)
    return len(raw_data)
"""


@pytest.fixture
def app(make_app):
    app = make_app(without="servicebus", MAX_DELIVERY_COUNT=str(TRIES))
    config = app.folder / "servicebus" / "Config.json"
    text = config.read_text()
    config.write_text(text.replace('"MaxDeliveryCount": 10', f'"MaxDeliveryCount": {TRIES}'))
    app.host.stop()
    (app.model_dir / "score.py").write_text(SCRIPT)
    (app.model_dir / "broken").touch()
    app.servicebus.start()
    app.start_host()
    return app


def status(app, path: str) -> int:
    try:
        return int(app.get(path).status)
    except OSError:  # its worker was killed
        return 0


@pytest.mark.timeout(240)
def test_a_kill_at_every_try_ends_in_a_document_which_a_later_success_replaces(app):
    app.send(ServiceBusMessage("[[1,1,1]]", message_id="kills"))
    # The host starts a new worker each time, and the broker delivers again when the lock expires.
    broken = app.model_dir / "broken"
    eventually(lambda: len(broken.read_text()) == TRIES, 90)
    result = "/api/results/kills"
    eventually(lambda: status(app, result) == 202, 30)
    document = eventually(lambda: (reply := app.get(result)).status == 200 and reply.json(), 90)
    assert (document["status"], document["error"]["code"]) == ("failed", "tries_exhausted")

    assert len(broken.read_text()) == TRIES
    assert app.inbox.of("kills") == [document]
    broken.unlink()
    with (
        ServiceBusClient.from_connection_string(app.servicebus.connection_string) as client,
        client.get_queue_receiver("scoring-requests", sub_queue="deadletter") as receiver,
    ):
        (dead,) = receiver.receive_messages(1, max_wait_time=30)
        app.send(ServiceBusMessage(b"".join(dead.body), message_id=dead.message_id))
        receiver.complete_message(dead)
    done = eventually(lambda: (reply := app.get(result).json())["status"] != "failed" and reply, 30)
    assert (done["status"], done["result"]) == ("succeeded", 9)
    eventually(lambda: app.inbox.counts()["kills"] == 2)
