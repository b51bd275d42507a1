"""How the blob trigger connects to a storage account."""

import pytest
from azure.identity import ManagedIdentityCredential

from inference.errors import SettingError
from triggers.storage.blob_names import Place
from triggers.storage.storage_clients import BlobStorage

BLOB = Place("Account", "in", "a/rows.csv")
#: The SDK looks at a key's form only.
KEY = "c2VjcmV0"
TEXT = f"AccountName=name;AccountKey={KEY};BlobEndpoint=http://127.0.0.1:1/name"


def test_a_blob_and_its_container_are_those_that_the_platform_named():
    storage = BlobStorage({"Account": TEXT})
    assert storage.blob(BLOB).url == "http://127.0.0.1:1/name/in/a/rows.csv"
    assert storage.container(Place("Account", "out")).url == "http://127.0.0.1:1/name/out"


@pytest.mark.parametrize("suffix", ["__blobServiceUri", "__serviceUri"])
def test_an_address_is_opened_by_a_managed_identity(suffix):
    storage = BlobStorage({f"Account{suffix}": "https://name.blob.core.windows.net/"})
    client = storage.blob(BLOB)
    assert client.url == "https://name.blob.core.windows.net/in/a/rows.csv"
    assert isinstance(client.credential, ManagedIdentityCredential)


def test_the_blobs_of_an_account_share_its_connections_and_its_token():
    storage = BlobStorage({"Account__blobServiceUri": "https://name.blob.core.windows.net"})
    assert storage.blob(BLOB).credential is storage.container(BLOB).credential


def test_a_missing_or_broken_connection_is_named_and_never_shown():
    with pytest.raises(SettingError, match="Account__blobServiceUri"):
        BlobStorage({}).blob(BLOB)
    with pytest.raises(SettingError, match=r"Account=.*connection string") as refused:
        BlobStorage({"Account": f"AccountKey={KEY}"}).blob(BLOB)
    assert KEY not in str(refused.value)
