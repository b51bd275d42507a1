"""The administration API through ServiceBusAdministrationClient, and messages over REST."""

from __future__ import annotations

import hmac
import json
import time
from base64 import b64encode, urlsafe_b64encode
from contextlib import nullcontext
from datetime import timedelta
from hashlib import sha256
from urllib.parse import quote

import aiohttp
import pytest
import requests
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.core.pipeline.transport import RequestsTransport
from azure.servicebus import ServiceBusClient, ServiceBusMessage, aio
from azure.servicebus.exceptions import MessagingEntityDisabledError, ServiceBusError
from azure.servicebus.management import (
    AccessRights,
    AuthorizationRule,
    CorrelationRuleFilter,
    ServiceBusAdministrationClient,
    SqlRuleAction,
    SqlRuleFilter,
    TrueRuleFilter,
)

from local.emulators.service_bus_emulator import SASL_HEADER
from tests.local.emulators.servicebus_process import running

# The SDK tests elements of XML for truth.
pytestmark = pytest.mark.filterwarnings("ignore:Testing an element:DeprecationWarning")

KEY = ("RootManageSharedAccessKey", "SAS_KEY_VALUE")


class PlainHttp(RequestsTransport):  # type: ignore[misc]
    """The Python SDK calls https only, and the emulator has no TLS."""

    def send(self, request, **kwargs):
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, **kwargs)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    with running(tmp_path_factory.mktemp("admin"), {"q": {"MaxDeliveryCount": 3}}) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def admin(emulator):
    with ServiceBusAdministrationClient.from_connection_string(
        emulator.connection_string, transport=PlainHttp(), retry_total=0
    ) as admin:
        yield admin


@pytest.fixture(scope="module")
def url(emulator):
    return emulator.connection_string.partition(";")[0].replace("Endpoint=sb", "http")


def _sas(resource, name, key):
    audience, expiry = quote(resource, safe=""), int(time.time()) + 60
    digest = hmac.digest(key.encode(), f"{audience}\n{expiry}".encode(), sha256)
    signature = quote(b64encode(digest), safe="")
    return f"SharedAccessSignature sr={audience}&sig={signature}&se={expiry}&skn={name}"


def test_queues_are_made_changed_listed_and_deleted(admin):
    made = admin.create_queue("made", lock_duration=timedelta(seconds=7), requires_session=True)
    assert (made.lock_duration, made.requires_session) == (timedelta(seconds=7), True)
    made.max_delivery_count = 4
    admin.update_queue(made)
    assert admin.get_queue("MADE").max_delivery_count == 4
    assert {queue.name: queue.max_delivery_count for queue in admin.list_queues()} == {
        "made": 4,
        "q": 3,
    }
    with pytest.raises(ResourceExistsError):
        admin.create_queue("made")
    made.requires_session = False
    with pytest.raises(HttpResponseError, match="RequiresSession cannot be changed"):
        admin.update_queue(made)
    admin.delete_queue("made")
    with pytest.raises(ResourceNotFoundError):
        admin.get_queue("made")
    with pytest.raises(ResourceNotFoundError):
        admin.delete_queue("made")


@pytest.mark.parametrize(
    ("properties", "sentence"),
    [
        ({"lock_duration": "PT6M"}, "LockDuration is out of range"),
        ({"default_message_time_to_live": "PT0S"}, "expected an ISO 8601 duration"),
        ({"max_delivery_count": 0}, "MaxDeliveryCount is out of range"),
    ],
)
def test_a_wrong_property_is_refused(admin, properties, sentence):
    with pytest.raises(HttpResponseError, match=sentence):
        admin.create_queue("wrong", **properties)


def test_counts_of_a_queue(admin, url):
    admin.create_queue("counted")
    headers = {"Authorization": _sas(url, *KEY)}
    for _ in range(3):
        requests.post(f"{url}/counted/messages", data=b"1", headers=headers, timeout=5)
    counts = admin.get_queue_runtime_properties("counted")
    assert (counts.active_message_count, counts.total_message_count) == (3, 3)


def test_topics_subscriptions_and_rules(admin):
    admin.create_topic("topic")
    admin.create_subscription("topic", "sub", max_delivery_count=5)
    assert [rule.name for rule in admin.list_rules("topic", "sub")] == ["$Default"]
    assert isinstance(admin.get_rule("topic", "sub", "$Default").filter, TrueRuleFilter)
    admin.create_rule(
        *("topic", "sub", "sql"),
        filter=SqlRuleFilter("size > @least", {"@least": 3}),
        action=SqlRuleAction("SET sys.Label = 'x'"),
    )
    correlation = CorrelationRuleFilter(label="l", properties={"n": 1, "flag": True})
    admin.create_rule("topic", "sub", "correlation", filter=correlation)
    found = admin.get_rule("topic", "sub", "correlation").filter
    assert (found.label, found.properties) == ("l", {"n": 1, "flag": True})
    sql = admin.get_rule("topic", "sub", "sql")
    assert (sql.filter.sql_expression, sql.filter.parameters) == ("size > @least", {"@least": 3})
    assert sql.action.sql_expression == "SET sys.Label = 'x'"
    with pytest.raises(HttpResponseError, match="property is expected"):
        admin.create_rule("topic", "sub", "bad", filter=SqlRuleFilter("size >"))
    admin.delete_rule("topic", "sub", "sql")
    assert admin.get_subscription("topic", "sub").max_delivery_count == 5
    assert [each.name for each in admin.list_subscriptions("topic")] == ["sub"]
    assert admin.get_topic_runtime_properties("topic").subscription_count == 1
    admin.delete_topic("topic")
    with pytest.raises(ResourceNotFoundError):
        admin.get_subscription("topic", "sub")


def test_what_was_made_survives_a_restart(admin, emulator):
    admin.create_topic("kept")
    admin.create_subscription("kept", "sub")
    admin.create_rule("kept", "sub", "sql", filter=SqlRuleFilter("a = 1"))
    emulator.kill()
    emulator.start()
    assert [rule.name for rule in admin.list_rules("kept", "sub")] == ["$Default", "sql"]


def test_an_entity_s_key_has_the_rights_it_was_given(admin, url, emulator):
    rule = AuthorizationRule(
        type="SharedAccessAuthorizationRule",
        claim_type="SharedAccessKey",
        claim_value="None",
        rights=[AccessRights.SEND],
        key_name="sender",
        primary_key="primary",
        secondary_key="secondary",
        created_at_utc=None,
        modified_at_utc=None,
    )
    admin.create_queue("keyed", authorization_rules=[rule])
    (found,) = admin.get_queue("keyed").authorization_rules
    assert (found.key_name, found.rights) == ("sender", [AccessRights.SEND])
    resource = f"{url}/keyed"
    headers = {"Authorization": _sas(resource, "sender", "secondary")}
    send = requests.post(f"{resource}/messages", data=b"1", headers=headers, timeout=5)
    read = requests.delete(f"{resource}/messages/head", headers=headers, timeout=5)
    other = requests.post(f"{url}/q/messages", data=b"1", headers=headers, timeout=5)
    assert (send.status_code, read.status_code, other.status_code) == (201, 403, 401)
    connection = emulator.connection_string.replace(KEY[0], "sender").replace(KEY[1], "primary")
    with ServiceBusClient.from_connection_string(
        f"{connection}EntityPath=keyed;", retry_total=0
    ) as client:
        client.get_queue_sender("keyed").send_messages(ServiceBusMessage("2"))
        with pytest.raises(ServiceBusError, match="Listen"):
            client.get_queue_receiver("keyed").receive_messages(1, max_wait_time=1)


@pytest.mark.parametrize(
    ("status", "refuses_send", "refuses_receive"),
    [("SendDisabled", True, False), ("ReceiveDisabled", False, True), ("Disabled", True, True)],
)
async def test_a_disabled_queue_refuses_links(
    admin, emulator, status, refuses_send, refuses_receive
):
    queue = admin.create_queue(status)
    queue.status = status
    admin.update_queue(queue)
    async with aio.ServiceBusClient.from_connection_string(
        emulator.connection_string, retry_total=0
    ) as client:
        for open_link, refuses in (
            (client.get_queue_sender, refuses_send),
            (client.get_queue_receiver, refuses_receive),
        ):
            refusal = pytest.raises(MessagingEntityDisabledError) if refuses else nullcontext()
            with refusal:
                async with open_link(status):
                    pass


async def test_a_queue_that_is_disabled_refuses_messages_over_open_links(admin, emulator):
    queue = admin.create_queue("closing")
    async with (
        aio.ServiceBusClient.from_connection_string(
            emulator.connection_string, retry_total=0
        ) as client,
        client.get_queue_sender("closing") as sender,
    ):
        await sender.send_messages(ServiceBusMessage("1"))
        queue.status = "SendDisabled"
        admin.update_queue(queue)
        with pytest.raises(MessagingEntityDisabledError):
            await sender.send_messages(ServiceBusMessage("2"))


def test_messages_are_sent_and_received_over_rest(admin, url):
    admin.create_queue("rest")
    headers = {
        "Authorization": _sas(url, *KEY),
        "Content-Type": "application/json",
        "BrokerProperties": json.dumps({"MessageId": "m", "Label": "l", "TimeToLive": 60}),
        "Size": "3",
        "Color": '"red"',
    }
    sent = requests.post(f"{url}/rest/messages", data=b"[1]", headers=headers, timeout=5)
    assert (sent.status_code, sent.content) == (201, b"")
    locked = requests.post(f"{url}/rest/messages/head", headers=headers, timeout=5)
    assert (locked.status_code, locked.content) == (201, b"[1]")
    assert (locked.headers["size"], locked.headers["color"]) == ("3", '"red"')
    properties = json.loads(locked.headers["BrokerProperties"])
    assert (properties["MessageId"], properties["Label"], properties["TimeToLive"]) == (
        "m",
        "l",
        60,
    )
    lock = locked.headers["Location"]
    assert requests.post(lock, headers=headers, timeout=5).status_code == 200
    assert requests.put(lock, headers=headers, timeout=5).status_code == 200
    assert requests.delete(lock, headers=headers, timeout=5).status_code == 404
    again = requests.delete(f"{url}/rest/messages/head", headers=headers, timeout=5)
    assert json.loads(again.headers["BrokerProperties"])["DeliveryCount"] == 2
    empty = requests.delete(f"{url}/rest/messages/head?timeout=0", headers=headers, timeout=5)
    assert empty.status_code == 204


def test_a_request_of_az_rest_sends_a_message(admin, url):
    """It has an Entra token and no other header than the content type."""
    admin.create_queue("az")
    claims = {"aud": "https://servicebus.azure.net", "exp": int(time.time()) + 60}
    token = f"e30.{urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.x"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    sent = requests.post(f"{url}/az/messages", data=b"[[1]]", headers=headers, timeout=5)
    assert sent.status_code == 201
    got = requests.delete(f"{url}/az/messages/head", headers=headers, timeout=5)
    assert (got.content, got.headers["content-type"]) == (b"[[1]]", "application/json")


@pytest.mark.parametrize("token", ["", "SharedAccessSignature sr=x", "Bearer x"])
def test_a_request_without_a_valid_token_is_refused(url, token):
    refused = requests.post(f"{url}/q/messages", headers={"Authorization": token}, timeout=5)
    assert refused.status_code == 401


async def test_amqp_over_websockets(url):
    # The SDK's own client is tried by the live suite; here it would leave its session open.
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{url}/$servicebus/websocket", protocols=["AMQPWSB10"]) as socket,
    ):
        assert socket.protocol == "AMQPWSB10"
        await socket.send_bytes(SASL_HEADER)
        answer = await socket.receive_bytes(timeout=5)
        assert answer.startswith(SASL_HEADER)
        assert b"MSSBCBS" in answer
