"""A connection setting in its forms, as the SDKs' clients see it."""

from __future__ import annotations

import sys

import pytest
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

from deploy import connections
from deploy.errors import Refused


@pytest.mark.parametrize("name", ["X", "AzureWebJobsX"])
def test_a_connection_string_may_have_the_platforms_prefix(name):
    with connections.blobs({name: connections.STORAGE_EMULATOR}, "X") as client:
        assert client.url == "http://127.0.0.1:10000/devstoreaccount1/"
    with connections.queues({name: connections.STORAGE_EMULATOR}, "X") as client:
        assert client.url == "http://127.0.0.1:10001/devstoreaccount1/"


@pytest.mark.parametrize(
    ("suffix", "value"),
    [
        ("__blobServiceUri", "https://a.blob.core.windows.net"),
        ("__serviceUri", "https://a.blob.core.windows.net"),
        ("__accountName", "a"),
    ],
)
def test_an_address_is_opened_by_an_identity(suffix, value):
    with connections.blobs({f"X{suffix}": value}, "X") as client:
        assert client.url == "https://a.blob.core.windows.net/"
        assert isinstance(client.credential, DefaultAzureCredential)


def test_credential_managedidentity_uses_the_managed_identity_alone():
    env = {"X__queueServiceUri": "https://a.queue.core.windows.net"}
    with connections.queues({**env, "X__credential": "managedidentity"}, "X") as client:
        assert isinstance(client.credential, ManagedIdentityCredential)


async def test_a_namespace_is_opened_by_an_identity():
    env = {"X__fullyQualifiedNamespace": "n.servicebus.windows.net", "X__clientId": "c"}
    async with connections.service_bus(env, "X") as client:
        assert client.fully_qualified_namespace == "n.servicebus.windows.net"


@pytest.mark.parametrize(
    "connect", [connections.blobs, connections.queues, connections.service_bus]
)
def test_what_cannot_be_used_is_refused_without_its_value(connect):
    with pytest.raises(Refused, match=r"connection X is not set: set X or X__"):
        connect({}, "X")
    with pytest.raises(Refused, match="connection X is not a connection string: correct") as raised:
        connect({"X": "s3cret"}, "X")
    assert "s3cret" not in str(raised.value)


def test_a_missing_queue_sdk_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "azure.storage.queue", None)
    with pytest.raises(Refused, match="pip install azure-storage-queue"):
        connections.queues({"X": connections.STORAGE_EMULATOR}, "X")
