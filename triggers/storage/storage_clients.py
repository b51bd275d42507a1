"""Clients of storage accounts.

The setting `X` is a connection string. Without it `X__blobServiceUri` or `X__serviceUri` is the
account's address, and a managed identity signs in: the app's own, or the one of `X__clientId`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azure.storage.blob import BlobClient, BlobServiceClient, ContainerClient, LinearRetry

from inference.errors import SettingError
from triggers.storage.blob_names import Place

#: Retries of the SDK itself, which by default take minutes. An error that outlasts these is retried
#: by the call, for a limited time.
RETRY_TOTAL, RETRY_PAUSE_S = 2, 1
#: Seconds without any bytes, not of the whole request.
TIMEOUTS = {"connection_timeout": 5, "read_timeout": 20}
#: Bytes of a blob's first range, which is in memory while the blob waits for its turn, and of each
#: later one. Azurite computes the MD5 of a range of 4 MiB or less, which takes longer than reading.
FIRST_BYTES, RANGE_BYTES = 4 * 1024 * 1024, 8 * 1024 * 1024


def options() -> dict[str, Any]:
    """Retries, timeouts and sizes of each client."""
    retry = LinearRetry(backoff=RETRY_PAUSE_S, retry_total=RETRY_TOTAL, random_jitter_range=0)
    return {
        "retry_policy": retry,
        "max_single_get_size": FIRST_BYTES,
        "max_chunk_get_size": RANGE_BYTES,
        **TIMEOUTS,
    }


class BlobStorage:
    """One client an account, which keeps its connections and its token."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._accounts: dict[str, BlobServiceClient] = {}
        self._containers: dict[tuple[str, str], ContainerClient] = {}

    def __repr__(self) -> str:
        return f"<BlobStorage {' '.join(self._accounts)}>"

    def blob(self, place: Place) -> BlobClient:
        """Raises SettingError."""
        return self.account(place.connection).get_blob_client(place.container, place.blob)

    def container(self, place: Place) -> ContainerClient:
        """Raises SettingError."""
        key = place.connection, place.container
        if key not in self._containers:
            account = self.account(place.connection)
            self._containers[key] = account.get_container_client(place.container)
        return self._containers[key]

    def account(self, name: str) -> BlobServiceClient:
        """The account that the setting `name` connects to. Raises SettingError."""
        if name not in self._accounts:
            self._accounts[name] = self._connect(name)
        return self._accounts[name]

    def _connect(self, name: str) -> BlobServiceClient:
        if text := self._env.get(name):
            try:
                return BlobServiceClient.from_connection_string(text, **options())
            except ValueError as error:
                raise SettingError(
                    name=name, value="(not shown)", expected="a connection string"
                ) from error
        for suffix in ("__blobServiceUri", "__serviceUri"):
            if uri := self._env.get(name + suffix):
                from azure.identity import ManagedIdentityCredential  # noqa: PLC0415 - slow

                identity = ManagedIdentityCredential(
                    client_id=self._env.get(f"{name}__clientId"), retry_total=RETRY_TOTAL
                )
                return BlobServiceClient(uri, credential=identity, **options())
        raise SettingError(
            name=name, value="", expected=f"a connection string, or {name}__blobServiceUri"
        )
