"""The settings of the cache."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from cache import address
from cache.address import Address
from cache.errors import CacheSettingError
from cache.near_cache import DEFAULT_MAX_BYTES

Auth = Literal["key", "entra"]


@dataclass(frozen=True, kw_only=True)
class CacheSettings:
    """Where the cache is, and its limits."""

    #: An address of cache.address. Empty: the cache is in the process.
    redis_url: str = ""
    redis_auth: Auth = "key"
    #: Whether the server speaks the cluster protocol.
    redis_cluster: bool = False
    #: Seconds that a value lives unless its `put` says otherwise.
    ttl_s: float = 3600.0
    #: The deadline of one operation in milliseconds, connecting included.
    timeout_ms: float = 50.0
    #: Most bytes in the near cache, or without Redis in the whole cache. 0: nothing is kept.
    near_bytes: int = DEFAULT_MAX_BYTES

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> CacheSettings:
        """Read the settings. Raises CacheSettingError."""
        cluster = _read(env, "REDIS_CLUSTER", _bool, "`true` or `false`", cls.redis_cluster)
        auth = _read(env, "REDIS_AUTH", _auth, "`key` or `entra`", cls.redis_auth)
        return cls(
            redis_url=_redis_url(env, cluster=cluster, auth=auth),
            redis_auth=auth,
            redis_cluster=cluster,
            ttl_s=_read(env, "CACHE_TTL_S", _positive, "a number above 0", cls.ttl_s),
            timeout_ms=_read(
                env, "CACHE_TIMEOUT_MS", _positive, "a number above 0", cls.timeout_ms
            ),
            near_bytes=_read(
                env, "NEAR_CACHE_BYTES", _size, "a number of bytes, 0 or more", cls.near_bytes
            ),
        )

    @property
    def redis(self) -> Address:
        """Where Redis is. Raises CacheSettingError for a `redis_url` that names no server."""
        return address.parse(self.redis_url)

    def __repr__(self) -> str:
        return (
            f"CacheSettings(redis_url={_without_key(self.redis_url)!r}, "
            f"redis_auth={self.redis_auth!r}, redis_cluster={self.redis_cluster}, "
            f"ttl_s={self.ttl_s}, timeout_ms={self.timeout_ms}, "
            f"near_bytes={self.near_bytes})"
        )


def _without_key(url: str) -> str:
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
        raise address.refusal(
            "rediss://host:port without user and key, because REDIS_AUTH is `entra`"
        )
    if cluster and found.database:
        raise address.refusal("database 0 or none, because REDIS_CLUSTER is `true`")
    return url


def _read[T](
    env: Mapping[str, str], name: str, parse: Callable[[str], T], expected: str, default: T
) -> T:
    """A setting, or its default where it is empty. Raises CacheSettingError.

    inference.settings has similar functions. They are not shared, because this package must not
    import the core, and a third package for them would be larger than they are.
    """
    text = env.get(name, "")
    if not text:
        return default
    try:
        return parse(text)
    except (ValueError, KeyError) as error:
        raise CacheSettingError(name=name, value=text, expected=expected) from error


def _auth(text: str) -> Auth:
    if text not in get_args(Auth):
        raise ValueError(text)
    return cast("Auth", text)


def _bool(text: str) -> bool:
    return {"true": True, "1": True, "false": False, "0": False}[text.lower()]


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise ValueError(text)
    return number


def _size(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number
