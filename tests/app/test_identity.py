"""The whole app without a key or a connection string: with tokens, which expire while it runs."""

import itertools
import time
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from azure.servicebus import ServiceBusMessage

from tests import small_model
from tests.azurite_tls import TlsAzuriteProcess
from tests.cache.expiring_users import ExpiringUsers
from tests.identity_endpoint import IdentityEndpoint
from tests.running_app import App
from tests.servers import BrokerProcess, RedisProcess
from tests.waiting import eventually

#: Seconds. Azure's AMQP client renews when a tenth of a token's life is left, in whole seconds.
LIFE_S = 12.0

REDIS = "https://redis.azure.com"
STORAGE = "https://storage.azure.com"
SERVICE_BUS = "https://servicebus.azure.net"

_numbers = itertools.count(100)


def new_row() -> bytes:
    return b"[[0.%d, 0.9, 0.9]]" % next(_numbers)


@dataclass(frozen=True)
class Azure:
    """The parts that record which tokens the app uses."""

    endpoint: IdentityEndpoint
    redis_users: ExpiringUsers


@pytest.fixture(scope="module")
def app_and_azure(tmp_path_factory):
    folder = tmp_path_factory.mktemp("identity")
    for name in ("redis", "azurite", "servicebus"):
        (folder / name).mkdir()
    with ExitStack() as stack:
        redis = stack.enter_context(RedisProcess(folder / "redis"))
        azurite = stack.enter_context(TlsAzuriteProcess(folder / "azurite"))
        servicebus = stack.enter_context(BrokerProcess(folder / "servicebus"))
        app = App(folder, redis, azurite, servicebus, small_model.save(folder))
        stack.callback(app.stop)
        users = stack.enter_context(ExpiringUsers([redis.port]))
        endpoint = stack.enter_context(IdentityEndpoint(life_s=LIFE_S, on_given=users.admit))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("REQUESTS_CA_BUNDLE", str(azurite.certificate.file))
        app.env = {
            **endpoint.environment,
            "REQUESTS_CA_BUNDLE": str(azurite.certificate.file),
            "REDIS_AUTH": "entra",
            "AZURE_CLIENT_ID": "of-the-app",
            **identity_settings("AzureWebJobsStorage", azurite),
            **identity_settings("ScoringStorage", azurite),
            "ServiceBusConnection": "",
            "ServiceBusConnection__fullyQualifiedNamespace": f"127.0.0.1:{servicebus.port}",
            "ServiceBusConnection__credential": "managedidentity",
            "ServiceBusConnection__clientId": "of-the-bus",
        }
        app.start_host()
        stack.callback(app.host.stop)
        yield app, Azure(endpoint, users)


@pytest.fixture
def app(app_and_azure):
    return app_and_azure[0]


@pytest.fixture
def azure(app_and_azure):
    return app_and_azure[1]


def identity_settings(name, azurite):
    return {
        name: "",
        f"{name}__blobServiceUri": azurite.blob_uri,
        f"{name}__queueServiceUri": azurite.queue_uri,
        f"{name}__credential": "managedidentity",
        f"{name}__clientId": "of-the-storage",
    }


def score_through_each_trigger(app, name):
    """Score one new row by each trigger. Returns the message's status, the blob's failed rows."""
    app.upload(f"{name}.csv", b"0.8,0.9,0.9\n")
    app.send(ServiceBusMessage(new_row(), message_id=name))
    assert app.post(new_row()).headers["x-cache"] == "miss"
    (message,) = app.inbox.of(name)
    return message["status"], app.report(f"{name}.csv")["failed"]


def test_every_trigger_works_with_only_an_identity(app, azure):
    assert score_through_each_trigger(app, "first") == ("succeeded", 0)
    assert azure.redis_users.connections()
    accepted = app.post(new_row(), Prefer="respond-async")
    eventually(lambda: app.get(accepted.headers["Location"]).status == 200)
    asked_for = {(token.audience.rstrip("/"), token.client_id) for token in azure.endpoint.given}
    assert asked_for == {
        (REDIS, "of-the-app"),
        (STORAGE, "of-the-storage"),
        (SERVICE_BUS, "of-the-bus"),
    }


@pytest.mark.long
def test_a_message_names_a_blob_with_only_an_identity(app):
    with app._container("scoring-claims") as claims:
        eventually(claims.exists, 30)  # the app creates it
        claims.upload_blob("rows.csv", b"0.7,0.9,0.9\n" * 3)
    properties = {"claim_blob": "rows.csv"}
    app.send(ServiceBusMessage(b"", message_id="claim", application_properties=properties))
    (document,) = app.inbox.of("claim")
    assert (document["status"], document["result"]) == ("succeeded", [1] * 3)


@pytest.mark.long
def test_every_trigger_goes_on_working_while_tokens_expire(app, azure):
    ends = 2
    for number in itertools.count():
        assert score_through_each_trigger(app, f"row-{number}") == ("succeeded", 0)
        assert app.get("/api/health/ready").json()["dependencies"]["cache"]["status"] == "ok"
        if azure.redis_users.ended >= ends:
            break
    eventually(lambda: len(azure.endpoint.tokens_for(SERVICE_BUS)) > ends)
    assert len(azure.endpoint.tokens_for(STORAGE)) > ends
    assert "WARNING" not in app.host.log()


@pytest.mark.long
def test_idle_links_whose_tokens_expired_are_opened_again(app):
    assert score_through_each_trigger(app, "before") == ("succeeded", 0)
    used_at = time.time()
    eventually(lambda: time.time() > used_at + LIFE_S + 2, LIFE_S + 4)
    assert score_through_each_trigger(app, "after") == ("succeeded", 0)
    assert "WARNING" not in app.host.log()
