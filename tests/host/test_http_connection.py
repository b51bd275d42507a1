"""What a connection owes its client, whatever the handler does; spoken to over sockets."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from host.http_connection import MAX_HEAD_BYTES, Handler, HttpConnection, Traffic
from host.http_data import Response
from host.http_request import Request
from host.http_server import HttpServer

GET = b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n"
LIMIT_S = 10


def answer(body: bytes) -> Response:
    return Response(200, b"content-length: %d\r\n" % len(body), body)


class Handled:
    """Answers with path and body; a path in `held` waits until it is released."""

    def __init__(self, *held: str) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.gates = {path: asyncio.Event() for path in held}

    async def __call__(self, request: Request) -> Response:
        self.begun.append(request.path)
        if gate := self.gates.get(request.path):
            await gate.wait()
        body = await request.body()
        self.ended.append(request.path)
        return answer(request.path.encode() + body)


@asynccontextmanager
async def serving(handler: Handler, **options: float) -> AsyncIterator[tuple[HttpServer, int]]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        server = HttpServer(handler, sock, **{"drain_s": LIMIT_S, **options})
        await server.start()
        try:
            yield server, sock.getsockname()[1]
        finally:
            await server.stop()


@asynccontextmanager
async def client(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(LIMIT_S):
            yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()


@asynccontextmanager
async def connected(handler: Handler, **options: float):
    async with serving(handler, **options) as (_, port), client(port) as streams:
        yield streams


async def response(reader: asyncio.StreamReader, *, head: bool = False) -> tuple[bytes, bytes]:
    """Status line and headers, and the body."""
    lines = await reader.readuntil(b"\r\n\r\n")
    length = int(lines.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
    return lines, b"" if head else await reader.readexactly(length)


async def until(condition) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            await asyncio.sleep(0)


async def test_a_connection_takes_one_request_after_the_other():
    async with connected(Handled()) as (reader, writer):
        for number in range(3):
            writer.write(GET % number)
            head, body = await response(reader)
            assert head.startswith(b"HTTP/1.1 200 OK\r\ndate: ")
            assert b"connection" not in head
            assert body == b"/%d" % number


async def test_requests_sent_together_are_answered_in_their_order_one_at_a_time():
    handler = Handled("/0")
    async with connected(handler) as (reader, writer):
        writer.write(b"".join(GET % number for number in range(100)))
        await until(lambda: handler.begun)
        assert handler.begun == ["/0"]
        handler.gates["/0"].set()
        assert [(await response(reader))[1] for _ in range(100)] == [b"/%d" % i for i in range(100)]


async def test_nothing_is_read_while_a_request_waits_for_its_turn():
    handler = Handled("/0")
    async with connected(handler) as (reader, writer):
        writer.write(GET % 0 + GET % 1)
        writer.write(b"".join(GET % number for number in range(2, 200_000)))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(writer.drain(), 0.2)
        handler.gates["/0"].set()
        assert (await response(reader))[1] == b"/0"
        assert (await response(reader))[1] == b"/1"


async def test_nothing_is_begun_while_a_client_does_not_take_its_answers():
    begun = 0

    async def handler(_: Request) -> Response:
        nonlocal begun
        begun += 1
        return answer(bytes(10_000_000))

    async with connected(handler) as (reader, writer):
        writer.write(GET % 0 * 20)
        await until(lambda: begun)
        for _ in range(100):
            await asyncio.sleep(0)
        assert begun < 5
        for _ in range(20):
            assert len((await response(reader))[1]) == 10_000_000
        assert begun == 20


async def test_a_body_may_come_in_parts():
    handler = Handled()
    async with connected(handler) as (reader, writer):
        writer.write(b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Le")
        writer.write(b"ngth: 6\r\n\r\nab")
        await until(lambda: handler.begun)
        assert handler.ended == []
        writer.write(b"cd")
        await writer.drain()
        writer.write(b"ef" + GET % 1)
        assert (await response(reader))[1] == b"/pabcdef"
        assert (await response(reader))[1] == b"/1"


async def test_a_chunked_body_is_passed_over():
    async with connected(Handled()) as (reader, writer):
        writer.write(b"POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert (await response(reader))[1] == b"/p"
        writer.write(b"4\r\nlost\r\n0\r\n\r\n" + GET % 1)
        assert (await response(reader))[1] == b"/1"


async def test_a_client_that_expects_to_be_asked_for_its_body_is_asked():
    async with connected(Handled()) as (reader, writer):
        writer.write(
            b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n\r\n"
        )
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"ab")
        assert (await response(reader))[1] == b"/pab"


async def test_a_body_that_nobody_asked_for_is_dropped():
    async def refuses(_: Request) -> Response:
        return Response(401)

    async with connected(refuses) as (reader, writer):
        writer.write(
            b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"
        )
        assert (await response(reader))[0].startswith(b"HTTP/1.1 401 Unauthorized\r\n")
        writer.write(b"123456789" + GET % 1)
        assert (await response(reader))[0].startswith(b"HTTP/1.1 401 Unauthorized\r\n")


async def test_head_is_answered_without_the_body():
    async with connected(Handled()) as (reader, writer):
        writer.write(b"HEAD /p HTTP/1.1\r\nHost: h\r\n\r\n" + GET % 1)
        assert b"content-length: 2\r\n" in (await response(reader, head=True))[0]
        assert (await response(reader))[1] == b"/1"


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /p HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        b"GET /p HTTP/1.0\r\n\r\n",
        b"GET /p HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" + GET % 1,
    ],
)
async def test_a_connection_ends_with_the_request_that_says_so(request_):
    handler = Handled()
    async with connected(handler) as (reader, writer):
        writer.write(request_)
        head, body = await response(reader)
        assert b"\r\nconnection: close\r\n" in head
        assert (body, await reader.read()) == (b"/p", b"")
        assert handler.begun == ["/p"]


async def test_a_response_may_end_the_connection():
    async def closes(_: Request) -> Response:
        return Response(413, close=True)

    async with connected(closes) as (reader, writer):
        writer.write(b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n")
        assert b"\r\nconnection: close\r\n" in (await response(reader))[0]
        assert await reader.read() == b""


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", b"400 Bad Request"),
        (b"GET http://[ HTTP/1.1\r\nHost: h\r\n\r\n", b"400 Bad Request"),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"400 Bad Request"),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * MAX_HEAD_BYTES, b"431 Request Header Fields Too Large"),
    ],
)
async def test_what_cannot_be_read_is_refused_and_ends_the_connection(request_, status):
    handler = Handled()
    async with connected(handler) as (reader, writer):
        writer.write(request_)
        assert (await response(reader))[0].startswith(b"HTTP/1.1 " + status)
        assert (await reader.read(), handler.begun) == (b"", [])


async def test_what_cannot_be_read_does_not_take_an_earlier_answer():
    handler = Handled("/0")
    async with connected(handler) as (reader, writer):
        writer.write(GET % 0 + b"nonsense\r\n\r\n")
        await until(lambda: handler.begun)
        handler.gates["/0"].set()
        head, body = await response(reader)
        assert b"\r\nconnection: close\r\n" in head
        assert (body, await reader.read()) == (b"/0", b"")


async def test_a_wish_for_another_protocol_is_passed_over():
    wish = b"GET /u HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    async with connected(Handled()) as (reader, writer):
        writer.write(wish + wish + GET % 1)
        assert [(await response(reader))[1] for _ in range(3)] == [b"/u", b"/u", b"/1"]


async def test_a_target_may_be_a_whole_url():
    async with connected(Handled()) as (reader, writer):
        writer.write(b"GET http://other/p?q HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await response(reader))[1] == b"/p"


async def test_a_handler_that_fails_is_answered_500_and_said(caplog):
    async def fails(_: Request) -> Response:
        raise ValueError("the reason")

    async with connected(fails) as (reader, writer):
        writer.write(GET % 0 + GET % 1)
        for number in range(2):
            head, body = await response(reader)
            assert head.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
            assert body == b""
            assert f"no answer to <Request GET /{number}>" in caplog.text


async def test_a_client_that_leaves_within_its_body_ends_nothing_but_its_request(caplog):
    handler = Handled()
    async with serving(handler) as (server, port), client(port) as (_, writer):
        writer.write(b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n123")
        await until(lambda: handler.begun)
        writer.close()
        await until(lambda: "0 connections, 0 running" in repr(server))
    assert handler.ended == []
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


async def test_a_client_that_leaves_does_not_end_what_runs():
    handler = Handled("/0")
    async with serving(handler) as (server, port), client(port) as (_, writer):
        writer.write(GET % 0)
        await until(lambda: handler.begun)
        writer.close()
        await until(lambda: "0 connections, 1 running" in repr(server))
        handler.gates["/0"].set()
        await until(lambda: handler.ended == ["/0"])


async def test_a_connection_without_a_request_is_closed_in_time():
    handler = Handled("/0")
    async with connected(handler, keep_alive_s=0) as (reader, writer):
        writer.write(GET % 0 + b"GET /half")
        await until(lambda: handler.begun)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 1.5)
        handler.gates["/0"].set()
        assert (await response(reader))[1] == b"/0"
        assert await reader.read() == b""


async def test_a_stop_closes_idle_connections_and_waits_for_answers():
    handler = Handled("/0")
    async with serving(handler) as (server, port), client(port) as busy, client(port) as idle:
        busy[1].write(GET % 0)
        await until(lambda: handler.begun and "2 connections" in repr(server))
        stopping = asyncio.create_task(server.stop())
        assert await idle[0].read() == b""
        assert not stopping.done()
        handler.gates["/0"].set()
        head, body = await response(busy[0])
        assert b"\r\nconnection: close\r\n" in head
        assert (body, await busy[0].read()) == (b"/0", b"")
        await stopping
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


async def test_a_stop_ends_what_does_not_end_in_time(caplog):
    handler = Handled("/0")
    async with serving(handler, drain_s=0.05) as (server, port), client(port) as (reader, writer):
        writer.write(GET % 0 + GET % 1)
        await until(lambda: handler.begun)
        await server.stop()
        assert await reader.read() == b""
        await until(lambda: "0 connections, 0 running" in repr(server))
    assert handler.begun == ["/0"]
    assert handler.ended == caplog.records == []


async def test_a_connection_that_was_accepted_as_the_server_stopped_is_closed():
    traffic = Traffic(Handled(), stopping=True)
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as sock:
        async with (
            await loop.create_server(lambda: HttpConnection(traffic), sock=sock),
            client(sock.getsockname()[1]) as (reader, _),
        ):
            assert await reader.read() == b""
