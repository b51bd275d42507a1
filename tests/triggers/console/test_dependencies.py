"""What the console says of storage and Service Bus, over real servers."""

import json

from azure.core.exceptions import HttpResponseError
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from local.emulators.scoring_entities import make_config
from tests.servers import BrokerProcess
from triggers.console import dependencies
from triggers.console.console_blueprint import State
from triggers.console.dependencies import NO_RIGHT, Dependencies
from triggers.settings import TriggerSettings


def env(azurite, servicebus):
    return {
        "ScoringStorage": azurite.connection_string,
        "ServiceBusConnection": servicebus.connection_string,
    }


def test_services_that_answer_are_ok_and_the_depths_of_the_queues_are_read(azurite, servicebus):
    found = Dependencies(env(azurite, servicebus), TriggerSettings()).read()
    assert found["storage"] == {"status": "ok"}
    assert found["servicebus"]["queues"] == [
        {"name": "scoring-requests", "waiting": 0, "dead_lettered": 0},
        {"name": "scoring-results", "waiting": 0, "dead_lettered": 0},
    ]


def test_the_depth_of_a_subscription_is_read(tmp_path):
    settings = {"INPUT_TOPIC_NAME": "requests", "INPUT_SUBSCRIPTION_NAME": "scorer"}
    config = tmp_path / "Config.json"
    config.write_text(json.dumps(make_config(settings)))
    broker = BrokerProcess(tmp_path, config)
    broker.start()
    try:
        connection = broker.connection_string
        with (
            ServiceBusClient.from_connection_string(connection) as client,
            client.get_topic_sender("requests") as sender,
        ):
            sender.send_messages([ServiceBusMessage(b"{}"), ServiceBusMessage(b"{}")])
        env = {"ServiceBusConnection": connection, "TRIGGERS": "servicebus", **settings}
        found = Dependencies(env, TriggerSettings.from_env(env)).read()["servicebus"]
        assert found["queues"][0] == {"name": "requests/scorer", "waiting": 2, "dead_lettered": 0}
    finally:
        broker.stop()


def test_without_the_right_to_manage_there_are_no_depths(azurite, servicebus, monkeypatch):
    found = Dependencies(env(azurite, servicebus), TriggerSettings())

    def refuse(*_):
        error = HttpResponseError("no")
        error.status_code = 401
        raise error

    monkeypatch.setattr(dependencies, "_depth", refuse)
    assert found.read()["servicebus"] == {"status": "ok", "queues": None, "message": NO_RIGHT}


def test_services_that_are_away_have_failed_and_no_key_is_shown(free_port):
    key = "c2VjcmV0"
    settings = {
        "ScoringStorage": "DefaultEndpointsProtocol=http;AccountName=a;"
        f"AccountKey={key};BlobEndpoint=http://127.0.0.1:{free_port()}/a",
        "ServiceBusConnection": f"Endpoint=sb://127.0.0.1:{free_port()};SharedAccessKeyName=k;"
        f"SharedAccessKey={key};UseDevelopmentEmulator=true",
    }
    found = Dependencies(settings, TriggerSettings()).read()
    assert found["storage"] == {"status": "failed", "message": "storage does not answer"}
    assert found["servicebus"]["status"] == "failed"
    assert key not in str(found)


def test_only_what_the_triggers_need_is_asked():
    assert Dependencies({}, TriggerSettings.from_env({"TRIGGERS": "http"})).read() == {}


async def test_the_state_is_kept_for_a_moment(monkeypatch):
    calls = []
    monkeypatch.setattr(Dependencies, "read", lambda _: calls.append(1) or {})
    state = State({}, TriggerSettings())
    assert [await state.read(), await state.read()] == [{}, {}]
    assert len(calls) == 1
