"""Shared access signatures: verifies tokens and records what they grant."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import unquote, urlsplit

PREFIX = "SharedAccessSignature "


class TokenRefused(Exception):
    """The token is not valid. One sentence, which contains no secret."""


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key of the namespace, with all rights."""

    name: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows: a path and all paths below it, until a time."""

    path: str
    expiry_s: float


def verify(token: str, keys: tuple[AccessKey, ...], now_s: float) -> Grant:
    """Check a token that begins with PREFIX. Raises TokenRefused."""
    # The signature covers the quoted resource and expiry, so they are not unquoted here.
    parts = dict(part.partition("=")[::2] for part in token.removeprefix(PREFIX).split("&"))
    try:
        resource, signature, expiry = parts["sr"], unquote(parts["sig"]), parts["se"]
        name = unquote(parts["skn"])
        expiry_s = float(int(expiry))
    except (KeyError, ValueError, OverflowError) as error:
        raise TokenRefused(
            "The token lacks one of sr, sig, se, skn, or se is not a time."
        ) from error
    known = next((key for key in keys if key.name == name), None)
    if known is None or not hmac.compare_digest(signature.encode(), _sign(known, resource, expiry)):
        raise TokenRefused("The token has an invalid signature: wrong key name or wrong key.")
    if expiry_s <= now_s:
        raise TokenRefused("The token is expired.")
    return Grant(path_of(unquote(resource)), expiry_s)


def _sign(key: AccessKey, resource: str, expiry: str) -> bytes:
    return b64encode(hmac.digest(key.key.encode(), f"{resource}\n{expiry}".encode(), sha256))


def path_of(resource: str) -> str:
    """The path of a URI, or a plain path, without slashes at both ends."""
    path = urlsplit(resource).path if "://" in resource else resource
    return path.strip("/")


class Grants:
    """What one connection may do, by the tokens it has sent."""

    def __init__(self) -> None:
        self._expiries_s: dict[str, float] = {}
        #: Called when the next expiry may have changed.
        self.on_added: Callable[[], None] = lambda: None

    def __repr__(self) -> str:
        return f"<Grants for {sorted(self._expiries_s)}>"

    def add(self, grant: Grant) -> None:
        self._expiries_s[grant.path.casefold()] = grant.expiry_s
        self.on_added()

    def next_expiry_s(self) -> float | None:
        """The earliest expiry; None without grants."""
        return min(self._expiries_s.values(), default=None)

    def remove_expired(self, now_s: float) -> None:
        """Forget expired grants."""
        self._expiries_s = {
            path: expiry_s for path, expiry_s in self._expiries_s.items() if expiry_s > now_s
        }

    def allow(self, path: str, now_s: float) -> bool:
        return self.expiry_s(path) > now_s

    def expiry_s(self, path: str) -> float:
        """The time until which the path may be used; 0 if it may not."""
        path = path.casefold()
        return max(
            (
                expiry_s
                for granted, expiry_s in self._expiries_s.items()
                if granted in {"", path} or path.startswith(f"{granted}/")
            ),
            default=0,
        )
