"""Clients of storage accounts, by the setting that says how to connect.

`X` is a connection string. Else `X__blobServiceUri` or `X__serviceUri` is the account's address,
and a managed identity opens it: the app's own, or the one that `X__clientId` names.
"""

from __future__ import annotations

from collections.abc import Mapping

from azure.storage.blob import BlobClient, BlobServiceClient, ContainerClient

from inference.errors import SettingError
from triggers.blob_places import Place


class BlobStorage:
    """Keeps one client an account, with its connections and its token."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._accounts: dict[str, BlobServiceClient] = {}

    def __repr__(self) -> str:
        return f"<BlobStorage {' '.join(self._accounts)}>"

    def blob(self, place: Place) -> BlobClient:
        """Raises SettingError."""
        return self._account(place.connection).get_blob_client(place.container, place.blob)

    def container(self, place: Place) -> ContainerClient:
        """Raises SettingError."""
        return self._account(place.connection).get_container_client(place.container)

    def _account(self, name: str) -> BlobServiceClient:
        if name not in self._accounts:
            self._accounts[name] = self._connect(name)
        return self._accounts[name]

    def _connect(self, name: str) -> BlobServiceClient:
        if text := self._env.get(name):
            try:
                return BlobServiceClient.from_connection_string(text)
            except ValueError as error:
                raise SettingError(
                    name=name, value="(not shown)", expected="a connection string"
                ) from error
        for suffix in ("__blobServiceUri", "__serviceUri"):
            if uri := self._env.get(name + suffix):
                from azure.identity import ManagedIdentityCredential  # noqa: PLC0415 - slow

                identity = ManagedIdentityCredential(client_id=self._env.get(f"{name}__clientId"))
                return BlobServiceClient(uri, credential=identity)
        raise SettingError(
            name=name, value="", expected=f"a connection string, or {name}__blobServiceUri"
        )
