"""The cache's settings: read once, at the top, from a mapping."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from cache import address
from cache.address import Address
from cache.errors import CacheSettingError
from cache.near_cache import DEFAULT_MAX_BYTES

Auth = Literal["key", "entra"]

_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, kw_only=True)
class CacheSettings:
    """Where the cache is and how long it may take."""

    #: As `cache.address` reads it; empty means a cache within the process.
    redis_url: str = ""
    redis_auth: Auth = "key"
    #: The server speaks the cluster protocol.
    redis_cluster: bool = False
    #: How long a value lives unless its `put` says otherwise.
    ttl_s: float = 3600.0
    #: One operation's deadline, connecting included.
    timeout_ms: float = 50.0
    #: What a process may hold of it, in bytes: before Redis, or in its place. 0 holds nothing.
    near_bytes: int = DEFAULT_MAX_BYTES

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> CacheSettings:
        """Read the settings. Raises CacheSettingError."""
        cluster = _truth(env, "REDIS_CLUSTER", default=cls.redis_cluster)
        auth = _auth(env)
        return cls(
            redis_url=_redis_url(env, cluster=cluster, auth=auth),
            redis_auth=auth,
            redis_cluster=cluster,
            ttl_s=_positive(env, "CACHE_TTL_S", cls.ttl_s),
            timeout_ms=_positive(env, "CACHE_TIMEOUT_MS", cls.timeout_ms),
            near_bytes=_bytes(env, "NEAR_CACHE_BYTES", cls.near_bytes),
        )

    @property
    def redis(self) -> Address:
        """Where Redis is. Raises CacheSettingError where `redis_url` does not say it."""
        return address.parse(self.redis_url)

    def __repr__(self) -> str:
        return (
            f"CacheSettings(redis_url={_shown(self.redis_url)!r}, "
            f"redis_auth={self.redis_auth!r}, redis_cluster={self.redis_cluster}, "
            f"ttl_s={self.ttl_s}, timeout_ms={self.timeout_ms}, "
            f"near_bytes={self.near_bytes})"
        )


def _shown(url: str) -> str:
    """The setting as people may see it."""
    try:
        return str(address.parse(url)) if url else ""
    except CacheSettingError as error:
        return error.value


def _redis_url(env: Mapping[str, str], *, cluster: bool, auth: Auth) -> str:
    url = env.get("REDIS_URL", "")
    if not url:
        return url
    found = address.parse(url)
    if auth == "entra" and (found.user or found.key):
        raise address.refused(
            "rediss://host:port without user and key, because REDIS_AUTH is `entra`"
        )
    if cluster and found.database:
        raise address.refused("database 0 or none, because REDIS_CLUSTER is `true`")
    return url


def _auth(env: Mapping[str, str]) -> Auth:
    text = env.get("REDIS_AUTH", "") or "key"
    if text not in ("key", "entra"):
        raise CacheSettingError(name="REDIS_AUTH", value=text, expected="`key` or `entra`")
    return cast("Auth", text)


def _truth(env: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = env.get(name, "")
    if not text:
        return default
    if text.lower() not in _TRUTHS:
        raise CacheSettingError(name=name, value=text, expected="`true` or `false`")
    return _TRUTHS[text.lower()]


def _positive(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name, "")
    try:
        number = float(text) if text else default
    except ValueError:
        number = 0.0
    if not 0 < number < math.inf:
        raise CacheSettingError(name=name, value=text, expected="a number above 0")
    return number


def _bytes(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name, "")
    try:
        number = int(text) if text else default
    except ValueError:
        number = -1
    if number < 0:
        raise CacheSettingError(name=name, value=text, expected="a number of bytes, 0 or more")
    return number
