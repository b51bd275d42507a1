"""REDIS_URL in every form that a portal shows, as pasted."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from cache import CacheSettingError, CacheSettings, CacheUnavailable, address
from cache.address import Address

#: Every character that means something in a URL, as Azure's keys have some of them.
KEY = "a/b#c?d+e=f@g:h%i&j[k]=="


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("redis://host", Address("host")),
        ("redis://host:7000/3", Address("host", 7000, database=3)),
        ("REDISS://host:6380/", Address("host", 6380, tls=True)),
        ("redis://[::1]:7000/0", Address("::1", 7000, database=0)),
        (f"rediss://:{KEY}@host:6380/0", Address("host", 6380, tls=True, key=KEY, database=0)),
        (f" rediss://app:{KEY}@host\n", Address("host", tls=True, user="app", key=KEY)),
        ("redis://app:@host", Address("host", user="app")),
        ("redis://:@host", Address("host")),
        ("redis://:a%2Fb%25c@host", Address("host", key="a/b%c")),
        ("redis://:100%@host", Address("host", key="100%")),
        ("redis://:1%2F2%@host", Address("host", key="1%2F2%")),
        (
            f"name.redis.cache.windows.net:6380,password={KEY},ssl=True,abortConnect=False",
            Address("name.redis.cache.windows.net", 6380, tls=True, key=KEY),
        ),
        (
            "name.westeurope.redis.azure.net:10000,password=a%2Fb=,ssl=True",
            Address("name.westeurope.redis.azure.net", 10000, tls=True, key="a%2Fb="),
        ),
        ("host:10000,password=k", Address("host", 10000, tls=True, key="k")),
        ("host:7000,password=k", Address("host", 7000, key="k")),
        ("host:6380,ssl=false", Address("host", 6380)),
        ("host,SSL=TRUE", Address("host", 6380, tls=True)),
        ("host,password=k,", Address("host", 6379, key="k")),
        (
            "host:7000 , user=app, Password=k , defaultDatabase=2, connectTimeout=5000",
            Address("host", 7000, user="app", key="k", database=2),
        ),
        ("host:7000,username=app,password=k", Address("host", 7000, user="app", key="k")),
    ],
)
def test_host_port_user_and_key_are_read(text, read):
    assert address.parse(text) == read


@given(key=st.text(st.characters(codec="ascii", exclude_characters="%"), min_size=1))
def test_a_key_without_a_percent_sign_is_not_decoded(key):
    found = address.parse(f"rediss://:{key}@host:6380/0")
    assert (found.key, found.host, found.database) == (key, "host", 0)
    written = "".join(f"%{ord(character):02X}" for character in key)
    assert address.parse(f"rediss://:{written}@host:6380/0") == found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name.redis.cache.windows.net:6380", "a scheme before the host, as in rediss://"),
        (f"rediss://{KEY[:-5]}@host:6380".replace(":h", ""), "a colon before the key"),
        ("host:6380,password=abc,xyz=ghi,ssl=True", "write a key with a comma in it as rediss:"),
        ("host:6380,other:6380,password=secret", "part 2 is none of these"),
        ("host:6380,serviceName=secret", "part 2 is none of these"),
        ("host:6380,password=secret,ssl=secret", "ssl=True or ssl=False"),
        ("host:6380,defaultDatabase=secret", "redis://host:port/db"),
        ("redis://host:6379/0?ssl_cert_reqs=secret", "without a query"),
        ("@Microsoft.KeyVault(SecretUri=secret)", "a reference to Key Vault that resolves"),
        ("rediss//:secret@host:6380", "redis://host:port/db"),
        ("secret", "redis://host:port/db"),
    ],
)
def test_other_text_is_refused_with_what_to_write_and_is_not_shown(text, told):
    with pytest.raises(CacheSettingError) as caught:
        CacheSettings.from_env({"REDIS_URL": text})
    assert told in caught.value.expected
    for part in ("secret", "xyz", "ghi", "a/b"):
        assert part not in repr(caught.value) + str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        f"rediss://app:{KEY}@host:6380/1",
        f"host:6380,password={KEY},ssl=True,user=app,defaultDatabase=1",
    ],
)
def test_every_form_prints_as_a_url_without_the_key(text):
    settings = CacheSettings.from_env({"REDIS_URL": text})
    assert str(settings.redis) == "rediss://app:***@host:6380/1"
    assert "'rediss://app:***@host:6380/1'" in repr(settings)
    assert "a/b" not in repr(settings) + repr(settings.redis)


def test_settings_with_a_bad_address_do_not_print_it():
    assert "redis_url='(not shown)'" in repr(CacheSettings(redis_url=f"rediss//:{KEY}@host"))


def test_a_line_without_a_key_works_with_an_identity():
    env = {"REDIS_URL": "host:10000,ssl=True", "REDIS_AUTH": "entra"}
    assert CacheSettings.from_env(env).redis == Address("host", 10000, tls=True)
    with pytest.raises(CacheSettingError, match="without user and key"):
        CacheSettings.from_env(env | {"REDIS_URL": "host:10000,password=k,ssl=True"})


def test_an_address_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Address("host").port = 1


@pytest.fixture
def guarded(redis_server):
    """The port of a server that wants KEY, and of a user `app` KEY too."""
    with Redis.from_url(redis_server.url) as client:
        client.config_set("requirepass", KEY)
        client.auth(KEY)
        client.acl_setuser("app", enabled=True, passwords=[f"+{KEY}"], keys="*", commands=["+@all"])
        yield redis_server.port
        client.acl_deluser("app")
        client.config_set("requirepass", "")


@pytest.mark.parametrize(
    "form",
    [
        f"redis://:{KEY}@127.0.0.1:{{port}}/1",
        f"redis://app:{KEY}@127.0.0.1:{{port}}",
        f"127.0.0.1:{{port}},password={KEY},ssl=False,abortConnect=False",
        f"127.0.0.1:{{port}},password={KEY},user=app,defaultDatabase=1",
    ],
)
async def test_the_key_works_as_pasted(guarded, open_cache, key, form):
    cache = open_cache(form.replace("{port}", str(guarded)))
    await cache.put(key, b"value", ttl_s=60)
    assert (await cache.get(key)).value == b"value"


async def test_a_wrong_key_is_an_outage_and_is_not_shown(guarded, open_cache, key, caplog):
    cache = open_cache(f"127.0.0.1:{guarded},password=not/the#key")
    for _ in range(5):
        with pytest.raises(CacheUnavailable) as caught:
            await cache.get(key)
        assert "not/the" not in str(caught.value)
    assert "not/the" not in caplog.text + repr(cache)


async def test_a_key_for_a_server_without_one_is_left_out(redis_server, open_cache, key):
    cache = open_cache(f"redis://:{KEY}@127.0.0.1:{redis_server.port}/1")
    await cache.put(key, b"value", ttl_s=60)
    assert (await cache.get(key)).value == b"value"
