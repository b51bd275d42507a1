"""How this package sets up redis-py: no retries and no waiting of its own."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from cache import entra
from cache.settings import CacheSettings

#: An event loop writes from one thread: beyond this, more connections only wait elsewhere.
MAX_CONNECTIONS = 16

Client = Redis | RedisCluster


def open_client(settings: CacheSettings) -> Client:
    """A client of the running event loop. It connects when it is first used.

    It raises where more than MAX_CONNECTIONS operations run at once: the caller queues.
    """
    options: dict[str, Any] = {
        "max_connections": MAX_CONNECTIONS,
        "protocol": 3,
        # The cache has deadlines, a breaker and a fallback; a retry would only spend the first.
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": None,
        "socket_connect_timeout": None,
        # Both are round trips at connecting that nothing here reads.
        "driver_info": None,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
    if settings.redis_auth == "entra":
        options["credential_provider"] = entra.credential_provider()
    kind = RedisCluster if settings.redis_cluster else Redis
    return kind.from_url(settings.redis_url, **options)
