"""Signs in to Azure Managed Redis with an identity instead of a key.

redis-entraid, the library for this, requests tokens on the event loop and does not retry after a
failed renewal. Its new tokens do not reach clients of redis-py that were made from a URL.
"""

from __future__ import annotations

import asyncio
import logging
import time
from base64 import urlsafe_b64decode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import import_module
from json import loads
from typing import Any

from redis.credentials import CredentialProvider
from redis.exceptions import AuthenticationError

from cache.errors import CacheSettingError

log = logging.getLogger(__name__)

SCOPE = "https://redis.azure.com/.default"

#: Seconds before a token expires at which the next one is requested; at most a third of a short
#: lifetime. Redis closes a connection whose token has expired. Azure's libraries return the same
#: token until five minutes before it expires.
LEAD_S = 240.0
#: Seconds until a failed request is repeated while the token is valid.
RETRY_S = 5.0
#: The timeout of a request for a token, in seconds: it tries several ways to sign in, one after the
#: other, each with its own timeout.
REQUEST_S = 30.0
#: The longest that closing waits for the library, in seconds.
CLOSE_S = 1.0
#: Options of one request for a token. This module does the retries.
REQUEST: dict[str, Any] = {"retry_total": 0, "connection_timeout": 2, "read_timeout": 5}


def require_installed() -> None:
    """Import azure-identity. Raises CacheSettingError if it is not installed."""
    try:
        import_module("azure.identity")
    except ModuleNotFoundError as error:
        raise CacheSettingError(
            name="REDIS_AUTH",
            value="entra",
            expected="`key`, because azure-identity is not installed: add it to requirements.txt",
        ) from error


@dataclass(frozen=True, slots=True)
class Token:
    """Signs one user in until `ends_at`, in monotonic seconds."""

    user: str
    value: str = field(repr=False)
    ends_at: float


class Tokens(CredentialProvider):
    """The current token of an identity, for the connections of one event loop.

    Each token is requested in a thread, one at a time, before the one before it expires.
    """

    def __init__(self) -> None:
        self._credential = import_module("azure.identity").DefaultAzureCredential(**REQUEST)
        self._token: Token | None = None
        self._renew_at = 0.0
        self._request: asyncio.Task[Token] | None = None
        # A request that hangs blocks only this thread.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="entra")

    def __repr__(self) -> str:
        return f"<Tokens {self._token!r}>"

    def newest(self) -> Token | None:
        """The newest token, maybe expired. Starts the request of the next one when it is due."""
        if time.monotonic() >= self._renew_at:
            self._request_next()
        return self._token

    async def get_valid(self) -> Token:
        """A token that has not expired. Raises AuthenticationError."""
        token = self.newest()
        if token is None or token.ends_at <= time.monotonic():
            token = await asyncio.shield(self._request_next())
        return token

    async def get_credentials_async(self) -> tuple[str, str]:
        token = await self.get_valid()
        return token.user, token.value

    async def close(self) -> None:
        """Stop, within CLOSE_S. Callers that wait for a token are cancelled."""
        if self._request is not None:
            self._request.cancel()
        closing = asyncio.wrap_future(self._thread.submit(self._credential.close))
        self._thread.shutdown(wait=False)
        await asyncio.wait({closing}, timeout=CLOSE_S)

    def _request_next(self) -> asyncio.Task[Token]:
        if self._request is None or self._request.done():
            self._request = asyncio.create_task(self._fetch())
            # The failure was logged, and nobody may be waiting for the result.
            self._request.add_done_callback(lambda done: done.cancelled() or done.exception())
        return self._request

    async def _fetch(self) -> Token:
        try:
            async with asyncio.timeout(REQUEST_S):
                given = await asyncio.get_running_loop().run_in_executor(
                    self._thread, self._credential.get_token, SCOPE
                )
            user = _object_id(given.token)
        except Exception as error:
            # Each way to sign in raises errors of its own.
            self._renew_at = time.monotonic() + RETRY_S
            # The further lines of Azure's message list why each way to sign in failed.
            reason = f"no token for Redis: {str(error).partition('\n')[0] or type(error).__name__}"
            log.warning("%s", reason)
            raise AuthenticationError(reason) from error
        left_s = given.expires_on - time.time()
        now = time.monotonic()
        self._renew_at = now + left_s - min(LEAD_S, left_s / 3)
        # Connections sign in again only with another token.
        if self._token is None or self._token.value != given.token:
            self._token = Token(user, given.token, now + left_s)
        return self._token


def _object_id(token: str) -> str:
    """The identity's object id, which is the user's name in Redis. Raises ValueError."""
    try:
        claims = token.split(".")[1]
        return str(loads(urlsafe_b64decode(claims + "=="))["oid"])
    except (ValueError, LookupError) as error:
        raise ValueError("the token has no object id (oid)") from error
