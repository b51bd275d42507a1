"""Credentials for connections that are configured by an identity."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any


def make_credential(kind: str, client_id: str | None) -> Any:
    from azure import identity  # noqa: PLC0415 - needed for identities only

    # Its default of ten retries would delay a shutdown; callers retry themselves.
    options: dict[str, Any] = {"retry_total": 1}
    if kind.lower() == "managedidentity":
        return identity.ManagedIdentityCredential(client_id=client_id, **options)
    if client_id:
        # Left out otherwise: an explicit None would keep it from reading AZURE_CLIENT_ID.
        options["managed_identity_client_id"] = client_id
    return identity.DefaultAzureCredential(**options)


class ThreadedCredential:
    """Adapts a blocking credential to the asynchronous client; azure.identity.aio needs aiohttp.

    Closing does nothing, because other clients share the credential.
    """

    def __init__(self, credential: Any, in_thread: Callable[..., Awaitable[Any]]) -> None:
        self._credential, self._in_thread = credential, in_thread

    async def get_token(self, *scopes: str, **_: Any) -> Any:
        return await self._in_thread(self._credential.get_token, *scopes)

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> ThreadedCredential:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass
