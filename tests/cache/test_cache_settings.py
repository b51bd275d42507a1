from __future__ import annotations

import dataclasses

import pytest

from cache import CacheSettingError, CacheSettings

SECRET = "hunter2=="


def test_an_empty_environment_gives_the_documented_defaults():
    assert CacheSettings.from_env({}) == CacheSettings(
        redis_url="",
        redis_auth="key",
        redis_cluster=False,
        ttl_s=3600,
        timeout_ms=50,
        near_bytes=64 * 1024 * 1024,
    )


def test_every_setting_is_read():
    env = {
        "REDIS_URL": "rediss://cache.example:10000",
        "REDIS_AUTH": "entra",
        "REDIS_CLUSTER": "true",
        "CACHE_TTL_S": "60.5",
        "CACHE_TIMEOUT_MS": "20",
        "NEAR_CACHE_BYTES": "0",
    }
    assert CacheSettings.from_env(env) == CacheSettings(
        redis_url=env["REDIS_URL"],
        redis_auth="entra",
        redis_cluster=True,
        ttl_s=60.5,
        timeout_ms=20,
        near_bytes=0,
    )


def test_a_setting_that_is_there_but_empty_means_the_default():
    names = ["REDIS_URL", "REDIS_AUTH", "REDIS_CLUSTER"]
    names += ["CACHE_TTL_S", "CACHE_TIMEOUT_MS", "NEAR_CACHE_BYTES"]
    assert CacheSettings.from_env(dict.fromkeys(names, "")) == CacheSettings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_AUTH", "password"),
        ("REDIS_CLUSTER", "maybe"),
        ("CACHE_TTL_S", "0"),
        ("CACHE_TTL_S", "-1"),
        ("CACHE_TTL_S", "an hour"),
        ("CACHE_TTL_S", "nan"),
        ("CACHE_TTL_S", "inf"),
        ("CACHE_TIMEOUT_MS", "0"),
        ("CACHE_TIMEOUT_MS", "50ms"),
        ("NEAR_CACHE_BYTES", "-1"),
        ("NEAR_CACHE_BYTES", "64MiB"),
        ("NEAR_CACHE_BYTES", "1e6"),
        ("NEAR_CACHE_BYTES", "9" * 5000),
    ],
)
def test_a_bad_setting_is_refused_with_name_value_and_expectation(name, value):
    with pytest.raises(CacheSettingError) as caught:
        CacheSettings.from_env({name: value})
    error = caught.value
    assert (error.name, error.value) == (name, value)
    assert str(error) == f"{name} is {value!r}, expected {error.expected}"


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "http://localhost:6379",
        "unix:///run/redis.sock",
        "redis://",
        "redis://localhost:sixty",
        "redis://localhost:99999",
        "redis://localhost:0",
        "redis://localhost:6379/main",
        "redis://localhost:6379/0?decode_responses=true",
        "redis://localhost:6379/0#fragment",
        "redis://[::1",
    ],
)
def test_a_redis_url_that_names_no_server_is_refused(url):
    with pytest.raises(CacheSettingError, match="REDIS_URL") as caught:
        CacheSettings.from_env({"REDIS_URL": url})
    assert "redis://host:port/db" in caught.value.expected


def test_a_cluster_has_only_database_0():
    with pytest.raises(CacheSettingError, match="REDIS_URL"):
        CacheSettings.from_env({"REDIS_URL": "redis://host:10000/1", "REDIS_CLUSTER": "true"})
    assert CacheSettings.from_env({"REDIS_URL": "redis://host:10000/0", "REDIS_CLUSTER": "true"})


def test_an_identity_excludes_a_key():
    env = {"REDIS_URL": f"rediss://:{SECRET}@host:10000", "REDIS_AUTH": "entra"}
    with pytest.raises(CacheSettingError, match="without user and key") as caught:
        CacheSettings.from_env(env)
    assert caught.value.name == "REDIS_URL"
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "url", [f"rediss//:{SECRET}@host:6380", SECRET, f"redis://:{SECRET}@host:6380/0?x={SECRET}"]
)
def test_the_error_of_a_redis_url_does_not_repeat_the_password(url):
    with pytest.raises(CacheSettingError) as caught:
        CacheSettings.from_env({"REDIS_URL": url})
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value)


def test_settings_print_without_the_password():
    settings = CacheSettings(redis_url=f"rediss://name:{SECRET}@host:6380/0")
    assert "rediss://name:***@host:6380/0" in repr(settings)
    assert SECRET not in repr(settings)


def test_settings_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        CacheSettings().ttl_s = 1.0
