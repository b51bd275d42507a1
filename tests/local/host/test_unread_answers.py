"""A client that does not read its answer: the connection ends, and what waits for the client."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from local.host.http_listener.protocol import READ_S, HttpProtocol
from local.host.http_listener.server import HttpServer
from tests.waiting import eventually_async

SIZE = 20_000_000
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


async def app(scope, receive, send) -> None:
    length = str(SIZE).encode()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]}
    )
    await send({"type": "http.response.body", "body": bytes(SIZE)})


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        yield bound


@pytest.fixture
async def server(listening: socket.socket) -> AsyncIterator[HttpServer]:
    serving = HttpServer(app, listening, drain_s=1)
    await serving.start()
    yield serving
    await serving.stop()


def connections(server: HttpServer) -> list[HttpProtocol]:
    found = server._server.server_state.connections
    return [each for each in found if isinstance(each, HttpProtocol)]


@pytest.fixture
async def client(server: HttpServer, listening: socket.socket) -> AsyncIterator[socket.socket]:
    """It has asked three times, and read nothing: one answer waits for it, then the next one."""
    with socket.create_connection(listening.getsockname()) as connection:
        connection.setblocking(False)
        connection.sendall(3 * GET)

        async def is_waited_for():
            return any(each.transport.get_write_buffer_size() for each in connections(server))

        await eventually_async(is_waited_for)
        yield connection


async def test_a_client_that_reads_nothing_in_time_is_disconnected(server, client):
    (connection,) = connections(server)
    now = connection.loop.time()
    connection.end_if_slow(now)
    connection.end_if_slow(now + READ_S - 1)
    assert connections(server) == [connection]
    connection.end_if_slow(now + READ_S + 1)

    async def nothing_is_left():
        return not connections(server) and not server._server.server_state.tasks

    await eventually_async(nothing_is_left)


async def test_no_answer_is_written_to_a_client_that_has_gone(server, client):
    """Else each would be an error in the log, and any client could fill that."""
    (connection,) = connections(server)
    waiting = list(connection._due)
    assert len(waiting) >= 2
    connection.transport.abort()
    await eventually_async(lambda: not connections(server))
    assert all(each.disconnected for each in waiting)


async def test_a_client_that_reads_slowly_is_not(server, client):
    (connection,) = connections(server)
    now, left = connection.loop.time(), connection._unread_bytes()
    connection.end_if_slow(now)
    for seconds in range(1, 4):
        client.recv(300_000)

        async def has_read(left=left):
            return connection._unread_bytes() < left

        await eventually_async(has_read)
        left = connection._unread_bytes()
        connection.end_if_slow(now + seconds * (READ_S - 1))
        assert connections(server) == [connection]
