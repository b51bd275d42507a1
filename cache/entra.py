"""Signing in to Azure Managed Redis with an identity instead of a key."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from cache.errors import CacheSettingError

if TYPE_CHECKING:
    from redis.credentials import CredentialProvider

SCOPE = "https://redis.azure.com/.default"

#: Milliseconds for one token. The library's own 100 are fewer than a managed identity takes.
TOKEN_TIMEOUT_MS = 2000


def require_installed() -> None:
    """Raise CacheSettingError where the optional library is missing."""
    try:
        import_module("redis_entraid.cred_provider")
    except ModuleNotFoundError as error:
        raise CacheSettingError(
            name="REDIS_AUTH",
            value="entra",
            expected="`key`, because redis-entraid is not installed: add it to requirements.txt",
        ) from error


def credential_provider() -> CredentialProvider:
    """Tokens of the default Azure credential, renewed while connections stay open."""
    library = import_module("redis_entraid.cred_provider")
    manager = import_module("redis.auth.token_manager")
    patience = manager.TokenManagerConfig(
        library.DEFAULT_EXPIRATION_REFRESH_RATIO,
        library.DEFAULT_LOWER_REFRESH_BOUND_MILLIS,
        TOKEN_TIMEOUT_MS,
        manager.RetryPolicy(library.DEFAULT_MAX_ATTEMPTS, library.DEFAULT_DELAY_IN_MS),
    )
    provider: CredentialProvider = library.create_from_default_azure_credential(
        scopes=(SCOPE,), token_manager_config=patience
    )
    return provider
