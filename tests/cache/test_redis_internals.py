"""What cache.redis_connection uses of redis-py beyond its documentation.

When redis-py is upgraded, compare that module with the new version, then raise REVIEWED.
"""

from __future__ import annotations

from importlib.metadata import version

import pytest
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection

from cache.redis_connection import PlainConnection, TlsConnection, open_cluster

REVIEWED = "8.1.0"


@pytest.fixture
async def connection(redis_server):
    made = PlainConnection(host="127.0.0.1", port=redis_server.port)
    await made.connect()
    yield made
    await made.disconnect()


def test_the_installed_version_is_the_one_that_was_reviewed():
    assert version("redis") == REVIEWED, "compare cache/redis_connection.py with this version"


@pytest.mark.parametrize("method", ["connect_check_health", "on_connect_check_health"])
def test_connecting_goes_through_methods_that_are_overridden(method):
    assert callable(vars(AbstractConnection)[method])
    assert method not in vars(Connection)
    assert method not in vars(SSLConnection)


async def test_a_connection_has_streams_and_closes_their_transport_at_once(connection):
    assert connection._reader.at_eof() is False
    transport = connection._writer.transport
    await connection.disconnect()
    assert transport.is_closing()
    assert connection._reader is connection._writer is None
    assert not connection.is_connected


async def test_a_connection_that_the_server_closed_reconnects_for_the_next_command(
    connection, redis_server, eventually_async
):
    async with Redis.from_url(redis_server.url) as other:
        await connection.send_command("CLIENT", "ID")
        await other.execute_command("CLIENT", "KILL", "ID", await connection.read_response())

    async def is_at_end():
        return connection._reader.at_eof()

    await eventually_async(is_at_end)
    await connection.send_command("PING")
    assert await connection.read_response() == b"PONG"


@pytest.mark.parametrize(
    ("host", "expected"), [("10.0.0.1", "redis.example"), ("node.example", None)]
)
def test_tls_checks_a_server_at_an_address_against_the_clusters_name(host, expected):
    arguments = TlsConnection(host=host, name="redis.example")._connection_arguments()
    assert arguments["host"] == host
    assert arguments.get("server_hostname") == expected
    assert "ssl" in arguments


async def test_the_nodes_of_a_cluster_are_connected_to_by_our_class():
    cluster = open_cluster(host="redis.example", port=1, tls=True, password="p")
    for options in (
        cluster.nodes_manager.connection_kwargs,
        *(node.connection_kwargs for node in cluster.startup_nodes),
    ):
        assert options["name"] == "redis.example"
        assert options["password"] == "p"
    assert [node.connection_class for node in cluster.startup_nodes] == [TlsConnection]
    assert cluster.nodes_manager.connection_kwargs["connection_class"] is TlsConnection
    # The nodes that the cluster names are made from these options.
    node = type(cluster.startup_nodes[0])("10.0.0.1", 2, **cluster.nodes_manager.connection_kwargs)
    assert node.connection_class is TlsConnection
