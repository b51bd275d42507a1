"""A store of bytes by key, in Redis or in the process. It knows nothing of models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cache.errors import CacheSettingError, CacheUnavailable
from cache.memory_cache import MemoryCache
from cache.near_cache import NearCache
from cache.settings import CacheSettings

if TYPE_CHECKING:
    from cache.redis_cache import RedisCache
    from cache.tiered_cache import TieredCache

__all__ = ["CacheSettingError", "CacheSettings", "CacheUnavailable", "MemoryCache", "build"]


def build(settings: CacheSettings) -> MemoryCache | RedisCache | TieredCache:
    """The cache that the settings ask for. Nothing is connected yet."""
    if not settings.redis_url:
        return MemoryCache(max_bytes=settings.near_bytes)
    # redis-py takes a tenth of a second to import: it is imported only if it is used.
    from cache import entra  # noqa: PLC0415
    from cache.redis_cache import RedisCache  # noqa: PLC0415
    from cache.tiered_cache import TieredCache  # noqa: PLC0415

    if settings.redis_auth == "entra":
        entra.require_installed()
    far = RedisCache(settings)
    return (
        TieredCache(NearCache(max_bytes=settings.near_bytes), far) if settings.near_bytes else far
    )
