"""Where a namespace listens, and the tokens that it accepts."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from azure.servicebus import parse_connection_string

from local.emulators.servicebus.sas import AccessKey, sign_token

PORT, TLS_PORT = 5672, 5671
SCOPE = "https://servicebus.azure.net/.default"
#: Seconds for which a signed token is valid.
TOKEN_S = 3600

SAS_TOKEN, JSON_WEB_TOKEN = "servicebus.windows.net:sastoken", "jwt"


class Token(NamedTuple):
    text: str
    kind: str
    #: In seconds since 1970.
    expires_at: float


#: Takes an audience.
type TokenSource = Callable[[str], Awaitable[Token]]


@dataclass(frozen=True, slots=True)
class BusAddress:
    host: str
    port: int
    uses_tls: bool
    get_token: TokenSource

    def __repr__(self) -> str:
        return f"<BusAddress {self.host}:{self.port}>"

    def audience(self, path: str) -> str:
        return f"sb://{self.host}/{path}"


def from_connection_string(text: str) -> BusAddress:
    """Raises ValueError."""
    read = parse_connection_string(text)
    key, name, signature = (
        read.shared_access_key,
        read.shared_access_key_name,
        read.shared_access_signature,
    )

    async def get_token(audience: str) -> Token:
        expires_at = int(time.time()) + TOKEN_S
        if signature:
            return Token(signature, SAS_TOKEN, expires_at)
        signed = sign_token(AccessKey(name or "", key or ""), audience, expires_at)
        return Token(signed, SAS_TOKEN, expires_at)

    is_emulator = "usedevelopmentemulator=true" in text.lower()
    return at(read.fully_qualified_namespace, get_token, uses_tls=not is_emulator)


def from_credential(namespace: str, credential: Any, *, uses_tls: bool) -> BusAddress:
    """`credential` has an asynchronous `get_token`."""

    async def get_token(_: str) -> Token:
        token = await credential.get_token(SCOPE)
        return Token(token.token, JSON_WEB_TOKEN, token.expires_on)

    return at(namespace, get_token, uses_tls=uses_tls)


def at(namespace: str, get_token: TokenSource, *, uses_tls: bool) -> BusAddress:
    """`namespace` is a host name, perhaps with a port."""
    host, _, port = namespace.removeprefix("sb://").strip("/").partition(":")
    default = TLS_PORT if uses_tls else PORT
    return BusAddress(host, int(port) if port else default, uses_tls, get_token)
