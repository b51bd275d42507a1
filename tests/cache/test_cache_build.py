from __future__ import annotations

import subprocess
import sys

import pytest

import cache
from cache import CacheSettingError, CacheSettings, MemoryCache
from cache.redis_cache import RedisCache
from cache.tiered_cache import TieredCache


def test_without_a_redis_url_the_cache_is_in_the_process():
    assert isinstance(cache.build(CacheSettings()), MemoryCache)


def test_a_cache_is_built_without_a_connection_to_redis(free_port):
    url = f"redis://:secret@127.0.0.1:{free_port()}/0"
    built = cache.build(CacheSettings(redis_url=url))
    assert isinstance(built, TieredCache)
    assert f"<RedisCache {url.replace('secret', '***')} ok>" in repr(built)


def test_a_near_cache_of_0_bytes_is_left_out(free_port):
    url = f"redis://127.0.0.1:{free_port()}/0"
    assert isinstance(cache.build(CacheSettings(redis_url=url, near_bytes=0)), RedisCache)


async def test_without_redis_and_bytes_only_promised_values_are_kept():
    built = cache.build(CacheSettings(near_bytes=0))
    built.keep([("key", b"value")], ttl_s=60)
    built.store_soon([("key", b"value")], ttl_s=60)
    assert built.peek("key") is None
    await built.put("key", b"value", ttl_s=60)
    assert (await built.get("key")).value == b"value"


def test_a_memory_cache_does_not_import_redis():
    program = (
        "import sys, cache\n"
        "cache.build(cache.CacheSettings.from_env({}))\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('redis', 'hiredis')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_signing_in_with_entra_without_its_library_says_what_to_install(monkeypatch):
    # None makes Python refuse the import, installed or not.
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    settings = CacheSettings(redis_url="rediss://cache.example:10000", redis_auth="entra")
    with pytest.raises(CacheSettingError, match="azure-identity is not installed") as caught:
        cache.build(settings)
    assert (caught.value.name, caught.value.value) == ("REDIS_AUTH", "entra")
