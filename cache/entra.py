"""Signing in to Azure Managed Redis with an identity instead of a key.

redis-entraid, made for this, asks for tokens on the event loop, and after a renewal that failed
never again; its new tokens reach no client of redis-py that was made from a URL.
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

#: Seconds before a token's end at which the next is asked for, a third of a short life at most.
#: Redis closes a connection whose token ended; Azure's libraries give out another token than the
#: one they hold from five minutes before its end on.
LEAD_S = 240.0
#: Seconds until another try while the token is still good.
RETRY_S = 5.0
#: Seconds until a request for a token is given up: as long as the ways of signing in, each within
#: its own bounds, may take one after the other.
GIVE_UP_S = 30.0
#: Seconds that closing waits for the library.
CLOSE_S = 1.0
#: Of one request for a token. The retries are this module's.
REQUEST: dict[str, Any] = {"retry_total": 0, "connection_timeout": 2, "read_timeout": 5}


def require_installed() -> None:
    """Raise CacheSettingError where the library is missing; else have it imported."""
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
    """Signs one user in, until `ends_at` (monotonic seconds)."""

    user: str
    value: str = field(repr=False)
    ends_at: float


class Tokens(CredentialProvider):
    """The identity's tokens, one after the other, for the connections of one event loop.

    They are asked for in a thread, by one at a time, and while the one before is still good.
    """

    def __init__(self) -> None:
        self._credential = import_module("azure.identity").DefaultAzureCredential(**REQUEST)
        self._token: Token | None = None
        self._ask_at = 0.0
        self._request: asyncio.Task[Token] | None = None
        # One that hangs costs this thread and none that others wait for.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="entra")

    def __repr__(self) -> str:
        return f"<Tokens {self._token!r}>"

    def newest(self) -> Token | None:
        """The last one that came. When its time comes, this has the next one asked for."""
        if time.monotonic() >= self._ask_at:
            self._ask()
        return self._token

    async def get_valid(self) -> Token:
        """One that can be used now. Raises AuthenticationError."""
        token = self.newest()
        if token is None or token.ends_at <= time.monotonic():
            token = await asyncio.shield(self._ask())
        return token

    async def get_credentials_async(self) -> tuple[str, str]:
        token = await self.get_valid()
        return token.user, token.value

    async def close(self) -> None:
        """Ask no more. It takes CLOSE_S at the most; who waits for a token is cancelled."""
        if self._request is not None:
            self._request.cancel()
        closing = asyncio.wrap_future(self._thread.submit(self._credential.close))
        self._thread.shutdown(wait=False)
        await asyncio.wait({closing}, timeout=CLOSE_S)

    def _ask(self) -> asyncio.Task[Token]:
        if self._request is None or self._request.done():
            self._request = asyncio.create_task(self._next())
            # Nobody may be waiting for it: its failure has been logged.
            self._request.add_done_callback(lambda done: done.cancelled() or done.exception())
        return self._request

    async def _next(self) -> Token:
        try:
            async with asyncio.timeout(GIVE_UP_S):
                given = await asyncio.get_running_loop().run_in_executor(
                    self._thread, self._credential.get_token, SCOPE
                )
            user = _object_id(given.token)
        except Exception as error:
            # Of any kind: each way of signing in raises its own.
            self._ask_at = time.monotonic() + RETRY_S
            # What follows the first line of Azure's says how each way of signing in was refused.
            reason = f"no token for Redis: {str(error).partition('\n')[0] or type(error).__name__}"
            log.warning("%s", reason)
            raise AuthenticationError(reason) from error
        left_s = given.expires_on - time.time()
        now = time.monotonic()
        self._ask_at = now + left_s - min(LEAD_S, left_s / 3)
        # The same one again is no reason to sign in again.
        if self._token is None or self._token.value != given.token:
            self._token = Token(user, given.token, now + left_s)
        return self._token


def _object_id(token: str) -> str:
    """The identity's object id, which is the user's name in Redis. Raises ValueError."""
    try:
        claims = token.split(".")[1]
        return str(loads(urlsafe_b64decode(claims + "=="))["oid"])
    except (ValueError, LookupError) as error:
        raise ValueError("the token that came names no object id (oid)") from error
