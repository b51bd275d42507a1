"""Servers and proxies that do not know the newer commands HELLO, CLIENT, SELECT, PING."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from redis import Redis

from cache import CacheUnavailable
from local.emulators.ports import HOST
from local.emulators.redis_server import RedisServer
from tests.servers import ServerProcess, free_port
from tests.waiting import eventually

KEY = "the/key"


@dataclass(frozen=True)
class OldServer(RedisServer):
    """As if from before Redis 6."""

    more: tuple[str, ...] = ()

    def command(self) -> list[str]:
        unknown = (("--rename-command", name, "") for name in ("HELLO", "CLIENT"))
        return [*super().command(), *(word for words in unknown for word in words), *self.more]


def client_of(port: int) -> Redis:
    return Redis(HOST, port, protocol=2, driver_info=None)


@pytest.fixture(params=["", KEY], ids=["open", "with a key"])
def old_server(request, tmp_path):
    """The credentials and the address of one, for REDIS_URL."""
    server = OldServer(tmp_path / "data", free_port())
    with ServerProcess(server, tmp_path / "log"):
        with client_of(server.port) as client:
            client.config_set("requirepass", request.param)
        yield (f":{request.param}@" if request.param else ""), f"{HOST}:{server.port}"


async def everything(cache, key):
    """All that the app asks of a cache."""
    await cache.put(key, b"value", ttl_s=60)
    assert (await cache.get(key)).value == b"value"
    assert await cache.add(key, b"other", ttl_s=60) is False
    assert await cache.lease(key, ttl_s=60) is True
    await cache.release(key)
    assert await cache.lease(key, ttl_s=60) is True
    cache.store_soon([(f"{key}{n}", b"%d" % n) for n in range(50)], ttl_s=60)
    await cache.flush()
    found = await cache.get_many([f"{key}{n}" for n in range(51)])
    assert [entry and entry.value for entry in found] == [*(b"%d" % n for n in range(50)), None]
    assert await cache.ping() is True
    assert cache.degradation is None


async def test_a_server_without_hello_works(old_server, open_cache, key):
    credentials, place = old_server
    cache = open_cache(f"redis://{credentials}{place}/1")
    await asyncio.gather(*(cache.get(f"{key}{n}") for n in range(20)))
    await everything(cache, key)


async def test_a_cluster_without_hello_works(tmp_path, open_cache, key):
    more = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    server = OldServer(tmp_path / "data", free_port(), more=more)
    with ServerProcess(server, tmp_path / "log"), client_of(server.port) as client:
        client.execute_command("CLUSTER ADDSLOTSRANGE 0 16383")
        eventually(lambda: client.cluster("INFO")["cluster_state"] == "ok")
        cache = open_cache(server.url.removesuffix("/0"), cluster=True)
        await everything(cache, key)
        await cache.close()


def commands(data: bytes) -> set[bytes]:
    """The names of the commands in a piece of the wire, which here are never cut."""
    lines = data.split(b"\r\n")
    # An array's length, a name's length, the name.
    return {lines[at + 2].upper() for at, line in enumerate(lines) if line.startswith(b"*")}


@asynccontextmanager
async def proxy_before(port: int, *, known: set[bytes], hang_up: bool) -> AsyncIterator[int]:
    """A proxy that refuses every command but those known to it: by an error, as Envoy does, or by
    hanging up, as twemproxy does.
    """
    tasks: set[asyncio.Task[None]] = set()

    async def answers(reader, writer):
        while data := await reader.read(65536):
            writer.write(data)

    async def serve(near_reader, near_writer):
        reader, writer = await asyncio.open_connection(HOST, port)
        back = asyncio.create_task(answers(reader, near_writer))
        tasks.add(back)
        try:
            while data := await near_reader.read(65536):
                if commands(data) <= known:
                    writer.write(data)
                elif hang_up:
                    break
                else:
                    near_writer.write(b"-ERR unknown command 'HELLO'\r\n")
        finally:
            back.cancel()
            near_writer.close()
            writer.close()

    near = free_port()
    async with await asyncio.start_server(serve, HOST, near):
        yield near


#: What the app asks for, and AUTH.
KNOWN = {b"AUTH", b"GET", b"MGET", b"SET", b"EVAL"}


@pytest.mark.parametrize("hang_up", [False, True], ids=["error", "hangs up"])
@pytest.mark.parametrize("wanted", ["", KEY], ids=["open", "with a key"])
async def test_a_proxy_that_knows_only_the_commands_of_the_app_works(
    redis_server, open_cache, key, wanted, hang_up
):
    with client_of(redis_server.port) as client:
        client.config_set("requirepass", wanted)
        try:
            async with proxy_before(redis_server.port, known=KNOWN, hang_up=hang_up) as port:
                cache = open_cache(f"redis://:{wanted}@{HOST}:{port}/0")
                await everything(cache, key)
                await cache.close()
        finally:
            client.auth(KEY) if wanted else None
            client.config_set("requirepass", "")


async def test_a_proxy_that_refuses_to_connect_is_an_outage_of_reads_and_writes(
    redis_server, open_cache, key
):
    """What is refused while connecting is no refusal of the command that it is for."""
    async with proxy_before(redis_server.port, known=KNOWN, hang_up=False) as port:
        cache = open_cache(f"redis://{HOST}:{port}/1")  # SELECT
        for call in (cache.put(key, b"value", ttl_s=60), cache.get(key)):
            with pytest.raises(CacheUnavailable, match="connecting was refused: unknown command"):
                await call
        assert cache.degradation.code == "away"
        await cache.close()
