"""HTTP connections over sockets: order, limits, slow clients and shutdown."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.servers import HostProcess, StartHost
from tests.waiting import eventually

APP = Path(__file__).parent / "apps" / "http"

KNOWN = b"GET /things/files/known HTTP/1.1\r\nHost: h\r\n\r\n"
FILE = b"GET /things/files/%d HTTP/1.1\r\nHost: h\r\n\r\n"
HOLD = b"GET /things/hold?by=x HTTP/1.1\r\nHost: h\r\n\r\n"
ECHO = b"POST /things/echo/x HTTP/1.1\r\nHost: h\r\n"

#: The bounds that the README states, and what a look for the slow may come later.
HEAD_S = BODY_S = 10
LOOK_S = 3
LARGEST_HEAD = 64 * 1024


@pytest.fixture(scope="module")
def host(start_host: StartHost) -> HostProcess:
    return start_host(APP, {})


@pytest.fixture
def client(host: HostProcess) -> Iterator[Client]:
    with connected(host) as client:
        yield client


class Client:
    def __init__(self, connection: socket.socket, answers: BinaryIO) -> None:
        self.connection, self._answers = connection, answers

    def send(self, *parts: bytes) -> None:
        for part in parts:
            self.connection.sendall(part)

    def answer(self, *, head: bool = False) -> tuple[str, dict[str, str], bytes]:
        """Status, headers, and the body unless `head`."""
        status = self._answers.readline().decode().strip().removeprefix("HTTP/1.1 ")
        headers = dict[str, str]()
        while line := self._answers.readline().decode().strip():
            name, _, value = line.partition(": ")
            headers[name] = value
        length = 0 if head else int(headers.get("content-length", 0))
        return status, headers, self._answers.read(length)

    def is_closed(self) -> bool:
        """Whether the server has closed the connection."""
        try:
            return self._answers.read(1) == b""
        except ConnectionResetError:
            return True


@contextmanager
def connected(host: HostProcess) -> Iterator[Client]:
    with (
        socket.create_connection(("127.0.0.1", host.port), 20) as connection,
        connection.makefile("rb") as answers,
    ):
        yield Client(connection, answers)


def arrived(host: HostProcess) -> list[str]:
    with connected(host) as client:
        client.send(b"GET /things/state HTTP/1.1\r\nHost: h\r\n\r\n")
        seen: list[str] = json.loads(client.answer()[2])["arrived"]
        return seen


def test_a_connection_takes_one_request_after_the_other(client: Client) -> None:
    for number in range(3):
        client.send(FILE % number)
        status, headers, body = client.answer()
        assert (status, body) == ("200 OK", b"%d" % number)
        assert "date" in headers
        assert "connection" not in headers


def test_requests_sent_together_are_answered_in_their_order(client: Client) -> None:
    client.send(b"".join(FILE % number for number in range(100)))
    assert [client.answer()[2] for _ in range(100)] == [b"%d" % number for number in range(100)]


def test_nothing_is_read_while_a_request_waits_for_its_turn(client: Client) -> None:
    client.send(HOLD + KNOWN)
    client.connection.settimeout(1)
    with pytest.raises(TimeoutError):
        client.send(KNOWN * 200_000)
    client.connection.settimeout(20)
    # functionTimeout ends the first.
    assert client.answer()[0] == "500 Internal Server Error"
    assert client.answer()[2] == b"known"


def test_no_request_is_started_while_a_client_does_not_read_its_answers(
    host: HostProcess, client: Client
) -> None:
    client.send(b"GET /things/big?bytes=10000000 HTTP/1.1\r\nHost: h\r\n\r\n" * 20)
    eventually(lambda: "big" in arrived(host))
    assert arrived(host).count("big") < 5
    for _ in range(20):
        assert len(client.answer()[2]) == 10_000_000
    assert arrived(host).count("big") == 20


def test_a_body_may_come_in_parts(client: Client) -> None:
    client.send(b"POST /things/size HTTP/1.1\r\nHost: h\r\nContent-Le", b"ngth: 6\r\n\r\nab", b"cd")
    client.send(b"ef" + KNOWN)
    assert client.answer()[2] == b"6"
    assert client.answer()[2] == b"known"


def test_a_body_does_not_count_as_head_wherever_it_is_split(client: Client) -> None:
    head = b"POST /things/size HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n"
    large = head + bytes(200_000)
    for cut in (1, 30, 50):
        client.send(large[:cut])
        client.send(large[cut:] + KNOWN[:cut], KNOWN[cut:])
        assert [client.answer()[2] for _ in range(2)] == [b"200000", b"known"]


def test_a_chunked_body_is_skipped(client: Client) -> None:
    client.send(ECHO + b"Transfer-Encoding: chunked\r\n\r\n")
    assert json.loads(client.answer()[2])["body"] == ""
    client.send(b"4\r\nlost\r\n0\r\nX-Late: 1\r\n\r\n" + KNOWN)
    assert client.answer()[2] == b"known"


def test_a_client_that_expects_100_continue_gets_it(client: Client) -> None:
    client.send(ECHO + b"Content-Length: 2\r\nExpect: 100-Continue\r\n\r\n")
    assert client.answer()[0] == "100 Continue"
    client.send(b"ab")
    assert json.loads(client.answer()[2])["body"] == "ab"


def test_a_body_that_the_function_does_not_read_is_dropped(client: Client) -> None:
    head = b"POST /things/unknown HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n"
    client.send(head + b"Expect: 100-continue\r\n\r\n")
    assert client.answer()[0] == "404 Not Found"
    client.send(b"123456789" + KNOWN)
    assert client.answer()[2] == b"known"


def test_head_is_answered_without_the_body(client: Client) -> None:
    client.send(b"HEAD /things/state HTTP/1.1\r\nHost: h\r\n\r\n" + KNOWN)
    assert int(client.answer(head=True)[1]["content-length"]) > 0
    assert client.answer()[2] == b"known"


@pytest.mark.parametrize(
    "request_",
    [
        KNOWN.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        KNOWN.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + KNOWN,
        b"GET /things/files/known HTTP/1.0\r\n\r\n",
        KNOWN.replace(b"\r\n\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
    ],
)
def test_a_connection_ends_with_the_request_that_says_so(client: Client, request_: bytes) -> None:
    client.send(request_)
    _, headers, body = client.answer()
    assert (headers["connection"], body) == ("close", b"known")
    assert client.is_closed()


@pytest.mark.parametrize("target", [b"http://other/things/files/known", b"/things/files/known?q"])
def test_a_target_may_be_a_whole_url(client: Client, target: bytes) -> None:
    client.send(b"GET %b HTTP/1.1\r\nHost: h\r\n\r\n" % target)
    assert client.answer()[2] == b"known"


BAD = "400 Bad Request"
LARGE = "431 Request Header Fields Too Large"
START = b"GET /things/files/known HTTP/1.1\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", BAD),
        (b"GET http://[ HTTP/1.1\r\nHost: h\r\n\r\n", BAD),
        (b"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", BAD),
        (START + b"\r\n", BAD),
        (START + b"Host: h\r\nHost: h\r\n\r\n", BAD),
        (START + b"Host: a b\r\n\r\n", BAD),
        (START + b"Host: h:port\r\n\r\n", BAD),
        (START + b"Host: user@h/x\r\n\r\n", BAD),
        (START + b"Host: h\r\nbad name: x\r\n\r\n", BAD),
        (ECHO + b"Content-Length: x\r\n\r\n", BAD),
        (ECHO + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", BAD),
        (ECHO + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na", BAD),
        (ECHO + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", BAD),
        (ECHO + b"Transfer-Encoding: gzip\r\n\r\n", BAD),
        (START + b"Host: h\r\nA: " + b"a" * LARGEST_HEAD + b"\r\n\r\n", LARGE),
        (START + b"Host: h\r\n" + b"A: 1\r\n" * 200 + b"\r\n", LARGE),
        (b"GET /things/files/known?" + b"a=1&" * 220_000, LARGE),
        (
            b"POST /things/size HTTP/1.1\r\nHost: h\r\nContent-Length: 104857601\r\n\r\n",
            "413 Request Entity Too Large",
        ),
    ],
)
def test_a_malformed_or_too_large_request_is_refused_and_closes_the_connection(
    client: Client, request_: bytes, status: str
) -> None:
    client.send(request_)
    told, headers, _ = client.answer()
    assert (told.replace("Content", "Request Entity"), headers["connection"]) == (status, "close")
    assert client.is_closed()


def test_a_malformed_request_does_not_replace_an_earlier_answer(client: Client) -> None:
    client.send(HOLD + KNOWN + b"nonsense\r\n\r\n")
    assert [client.answer()[0] for _ in range(3)] == ["500 Internal Server Error", "200 OK", BAD]
    assert client.is_closed()


def test_a_broken_chunk_is_the_last_of_a_connection(client: Client) -> None:
    client.send(KNOWN + ECHO + b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n")
    assert [client.answer()[0] for _ in range(2)] == ["200 OK", BAD]
    assert client.is_closed()


def test_more_query_arguments_than_are_read_are_refused(client: Client) -> None:
    client.send(b"GET /things/files/known?" + b"a&" * 20_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n")
    assert client.answer()[0] == BAD


def test_without_a_key_the_query_is_not_parsed(start_host: StartHost) -> None:
    with start_host(APP, {"HOST_FUNCTION_KEY": "k"}) as host, connected(host) as client:
        arguments = b"a&" * 20_000
        for code, status in [(b"", "401"), (b"code=no", "401"), (b"code=k", "400")]:
            client.send(
                b"GET /things/files/known?%b%b HTTP/1.1\r\nHost: h\r\n\r\n" % (arguments, code)
            )
            assert client.answer()[0].startswith(status)


def test_a_disconnect_within_a_body_is_not_logged(host: HostProcess) -> None:
    with connected(host) as client:
        client.send(ECHO + b"Content-Length: 9\r\n\r\n123")
    with connected(host) as client:
        client.send(KNOWN)
        assert client.answer()[2] == b"known"
    assert not [line for line in host.log().splitlines() if "WARN" in line or "uvicorn" in line]


@pytest.mark.long
def test_a_slow_request_takes_no_place_and_is_refused(start_host: StartHost) -> None:
    with start_host(APP, {}) as host, ExitStack() as opened:
        began = time.monotonic()
        starts = [b"", b"GET /things", ECHO, ECHO + b"Content-Length: 9\r\n\r\n123"]
        slow = [opened.enter_context(connected(host)) for _ in range(500)]
        for number, each in enumerate(slow):
            each.send(starts[number % len(starts)])
        body = opened.enter_context(connected(host))
        body.send(ECHO + b"Content-Length: 1000000\r\n\r\n")
        head = opened.enter_context(connected(host))
        head.send(START + b"A: ")
        given_up = dict[Client, float]()
        # What trickles has its bytes to be waited for, too, and a busy machine looks late.
        while len(given_up) < 2 and time.monotonic() - began < max(HEAD_S, BODY_S) + LOOK_S + 10:
            with connected(host) as client:
                client.send(KNOWN)
                assert client.answer()[2] == b"known"
            for each, part in ((body, b"a"), (head, b"a")):
                try:
                    each.send(part)
                except OSError:
                    given_up.setdefault(each, time.monotonic() - began)
        assert all(each.is_closed() or each.answer()[0] for each in slow)
        assert {body, head} == set(given_up), given_up
        assert min(given_up.values()) > min(HEAD_S, BODY_S) - LOOK_S


def test_a_body_that_arrives_when_all_places_are_taken_is_refused(host: HostProcess) -> None:
    with connected(host) as one, connected(host) as two, connected(host) as late:
        late.send(ECHO + b"Content-Length: 9\r\n\r\n123")
        held = arrived(host).count("x")
        one.send(HOLD)
        two.send(HOLD)
        eventually(lambda: _is_full(host))
        late.send(b"456789")
        status, headers, _ = late.answer()
        assert (status, headers.get("retry-after")) == ("429 Too Many Requests", "1")
        assert {one.answer()[0], two.answer()[0]} == {"500 Internal Server Error"}
        assert arrived(host).count("x") == held + 2


def _is_full(host: HostProcess) -> bool:
    with connected(host) as client:
        client.send(KNOWN)
        return client.answer()[0] == "429 Too Many Requests"


def test_health_checks_are_answered_at_full_load(host: HostProcess) -> None:
    with connected(host) as one, connected(host) as two, connected(host) as client:
        one.send(HOLD)
        two.send(HOLD)

        def refused() -> tuple[str, str | None]:
            client.send(KNOWN)
            status, headers, _ = client.answer()
            return status, headers.get("retry-after")

        eventually(lambda: refused() == ("429 Too Many Requests", "1"))
        client.send(b"GET /things/health/ready HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n")
        assert client.answer()[2] == b"ready"
        client.send(b"123456789GET /admin/host/ping HTTP/1.1\r\nHost: h\r\n\r\n")
        assert client.answer()[0] == "200 OK"
        assert {one.answer()[0], two.answer()[0]} == {"500 Internal Server Error"}


@pytest.mark.long
def test_a_connection_without_a_request_is_closed_in_time(client: Client) -> None:
    client.send(KNOWN)
    assert client.answer()[2] == b"known"
    assert client.is_closed()


def test_a_stop_closes_idle_connections_and_waits_for_answers(start_host: StartHost) -> None:
    with start_host(APP, {}) as host, connected(host) as busy, connected(host) as idle:
        busy.send(b"GET /things/slow HTTP/1.1\r\nHost: h\r\n\r\n")
        eventually(lambda: "slow" in arrived(host))
        assert host.stop() == 0
        assert idle.is_closed()
        _, headers, body = busy.answer()
        assert (headers["connection"], body) == ("close", b"done")
        assert busy.is_closed()


def test_a_request_on_its_way_when_the_host_stops_is_answered_as_the_last(
    start_host: StartHost,
) -> None:
    with start_host(APP, {}) as host, connected(host) as client:
        client.send(KNOWN)
        assert client.answer()[2] == b"known"
        host.process.signal(signal.SIGTERM)
        eventually(lambda: is_refused(host))
        client.send(KNOWN)
        _, headers, body = client.answer()
        assert (headers["connection"], body) == ("close", b"known")
        assert client.is_closed()


def is_refused(host: HostProcess) -> bool:
    try:
        with connected(host):
            return False
    except ConnectionRefusedError:
        return True
