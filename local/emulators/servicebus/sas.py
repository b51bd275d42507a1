"""Shared access signatures: verifies tokens and records what they grant."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import quote, unquote, urlsplit

PREFIX = "SharedAccessSignature "


class TokenRefused(Exception):
    """The token is not valid. One sentence, which contains no secret."""


#: What a key may allow. The right to manage includes the others.
MANAGE, SEND, LISTEN = "Manage", "Send", "Listen"
ALL_RIGHTS = frozenset({MANAGE, SEND, LISTEN})


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key of the namespace, or of the entity `path`."""

    name: str
    key: str = field(repr=False)
    rights: frozenset[str] = ALL_RIGHTS
    path: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows: a path and all paths below it, until a time."""

    path: str
    expiry_s: float
    rights: frozenset[str] = ALL_RIGHTS

    def covers(self, path: str, rights: frozenset[str]) -> bool:
        """Whether it allows one of the rights on the path."""
        return _is_below(path, self.path) and not self.rights.isdisjoint(rights)


def verify(token: str, keys: Iterable[AccessKey], now_s: float) -> Grant:
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
    path = path_of(unquote(resource))
    candidates = (key for key in keys if key.name == name and _is_below(path, key.path))
    known = next(
        (
            key
            for key in candidates
            if hmac.compare_digest(signature.encode(), _sign(key, resource, expiry))
        ),
        None,
    )
    if known is None:
        raise TokenRefused("The token has an invalid signature: wrong key name or wrong key.")
    if expiry_s <= now_s:
        raise TokenRefused("The token is expired.")
    return Grant(path, expiry_s, known.rights)


def sign_token(key: AccessKey, resource: str, expiry_s: int) -> str:
    """A token for a resource and all below it."""
    quoted = quote(resource, safe="")
    signature = quote(_sign(key, quoted, str(expiry_s)), safe="")
    return f"{PREFIX}sr={quoted}&sig={signature}&se={expiry_s}&skn={quote(key.name, safe='')}"


def _sign(key: AccessKey, resource: str, expiry: str) -> bytes:
    return b64encode(hmac.digest(key.key.encode(), f"{resource}\n{expiry}".encode(), sha256))


def path_of(resource: str) -> str:
    """The path of a URI, or a plain path, without slashes at both ends."""
    path = urlsplit(resource).path if "://" in resource else resource
    return path.strip("/")


def _is_below(path: str, parent: str) -> bool:
    path, parent = path.casefold(), parent.casefold()
    return parent in {"", path} or path.startswith(f"{parent}/")


class Grants:
    """What one connection may do, by the tokens it has sent."""

    def __init__(self) -> None:
        self._grants: dict[tuple[str, frozenset[str]], Grant] = {}
        #: Called when the next expiry may have changed.
        self.on_added: Callable[[], None] = lambda: None

    def __repr__(self) -> str:
        return f"<Grants for {sorted(path for path, _ in self._grants)}>"

    def add(self, grant: Grant) -> None:
        self._grants[grant.path.casefold(), grant.rights] = grant
        self.on_added()

    def next_expiry_s(self) -> float | None:
        """The earliest expiry; None without grants."""
        return min((grant.expiry_s for grant in self._grants.values()), default=None)

    def remove_expired(self, now_s: float) -> None:
        """Forget expired grants."""
        self._grants = {key: grant for key, grant in self._grants.items() if grant.expiry_s > now_s}

    def allow(self, path: str, now_s: float, rights: frozenset[str] = ALL_RIGHTS) -> bool:
        """Whether one of the rights is granted."""
        return self.expiry_s(path, rights) > now_s

    def expiry_s(self, path: str, rights: frozenset[str] = ALL_RIGHTS) -> float:
        """The time until which one of the rights may be used; 0 if none may."""
        return max(
            (grant.expiry_s for grant in self._grants.values() if grant.covers(path, rights)),
            default=0,
        )
