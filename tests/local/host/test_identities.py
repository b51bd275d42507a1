"""Which identity a connection uses: its own, or else the app's."""

import pytest

from local.host.app.connections import Connections
from tests.identity_endpoint import IdentityEndpoint

PLACES = {
    "Storage__blobServiceUri": "https://account.blob.core.windows.net",
    "Storage__queueServiceUri": "https://account.queue.core.windows.net",
}


@pytest.fixture
def endpoint(monkeypatch):
    with IdentityEndpoint(life_s=3600) as endpoint:
        endpoint.be_found(monkeypatch)
        yield endpoint


@pytest.mark.parametrize(
    ("settings", "asked_for"),
    [
        ({"Storage__credential": "managedidentity", "Storage__clientId": "its-own"}, "its-own"),
        ({"Storage__credential": "managedidentity"}, ""),
        ({"Storage__clientId": "its-own"}, "its-own"),
        ({}, "the-apps"),
    ],
)
async def test_the_identity_that_a_connection_names_is_asked_for_one_token(
    endpoint, monkeypatch, settings, asked_for
):
    monkeypatch.setenv("AZURE_CLIENT_ID", "the-apps")
    connections = Connections({**PLACES, **settings})
    for client in (connections.blobs("Storage"), connections.queues("Storage")):
        client.credential.get_token("https://storage.azure.com/.default")
    assert [token.client_id for token in endpoint.given] == [asked_for]
    await connections.close()
