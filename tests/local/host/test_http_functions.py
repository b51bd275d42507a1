"""HTTP functions, keys and limits, over sockets."""

from __future__ import annotations

import http.client
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.servers import HostProcess, StartHost
from tests.waiting import eventually

APP = Path(__file__).parent / "apps" / "http"

KEYS = {"HOST_FUNCTION_KEY": "of functions", "HOST_MASTER_KEY": "of the master"}


@pytest.fixture(scope="module")
def host(start_host: StartHost) -> HostProcess:
    return start_host(APP, {})


@pytest.fixture(scope="module")
def locked(start_host: StartHost) -> HostProcess:
    return start_host(APP, KEYS)


def ask(
    host: HostProcess,
    path: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=20)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def exchange(host: HostProcess, request: bytes) -> bytes:
    """Raw bytes for raw bytes, until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", host.port), 20) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer


def state(host: HostProcess) -> dict[str, list[str]]:
    seen: dict[str, list[str]] = json.loads(ask(host, "/things/state")[2])
    return seen


def test_a_request_reaches_its_function_as_the_real_host_sends_it(host: HostProcess) -> None:
    status, headers, body = ask(
        host,
        "/things/echo/x%20y%2Fz?a=1&a=2&empty=&b=%2B",
        "POST",
        b"hello",
        {"X-Mixed-Case": "V", "Host": "example.org"},
    )
    seen = json.loads(body)
    assert status == 200
    assert headers["content-type"] == "application/json"
    assert seen["headers"]["x-mixed-case"] == "V"
    assert seen["params"] == {"a": "1,2", "b": "+"}
    assert seen["route"] == {"kind": "x y%2Fz"}
    assert seen["url"] == "http://example.org/things/echo/x%20y%2Fz?a=1&a=2&empty=&b=%2B"
    assert (seen["method"], seen["body"]) == ("POST", "hello")


def test_the_short_address_leads_to_the_console_that_an_app_has(host: HostProcess) -> None:
    for method in ("GET", "HEAD"):
        status, headers, _ = ask(host, "/", method)
        assert (status, headers["location"]) == (302, "/things/console")
    assert ask(host, "/", "POST")[0] == 404
    # This app has no such page.
    assert ask(host, "/docs")[0] == 404


def test_headers_sent_twice_are_joined_by_a_comma(host: HostProcess) -> None:
    answer = exchange(
        host,
        b"GET /things/echo/x HTTP/1.1\r\nHost: h\r\nx-a: 1\r\nX-A: 2\r\nConnection: close\r\n\r\n",
    )
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["headers"]["x-a"] == "1,2"


def test_a_chunked_body_does_not_reach_a_function(host: HostProcess) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=20)
    connection.request("POST", "/things/echo/x", iter([b"lost"]), encode_chunked=True)
    seen = json.load(connection.getresponse())
    connection.close()
    assert seen["body"] == ""


def test_a_wrong_method_and_an_unknown_path_are_answered_404(host: HostProcess) -> None:
    assert ask(host, "/things/echo/x", "DELETE")[0] == 404
    assert ask(host, "/things/unknown")[0] == 404
    assert ask(host, "/api/echo/x")[0] == 404


def test_a_literal_route_goes_before_a_catch_all(host: HostProcess) -> None:
    assert ask(host, "/things/files/known")[2] == b"known"
    assert ask(host, "/things/FILES/Known")[2] == b"known"
    assert ask(host, "/things/files/a/b.c")[2] == b"a/b.c"


def test_a_catch_all_matches_line_ends(host: HostProcess) -> None:
    assert ask(host, "/things/files/a%0D%0Ab")[2] == b"a\r\nb"


def test_an_exception_is_answered_500_with_an_empty_body_and_one_line(host: HostProcess) -> None:
    status, _, body = ask(host, "/things/raises")
    assert (status, body) == (500, b"")
    assert "function raises failed: ValueError: the reason (invocation " in host.log()
    assert "Traceback" not in host.log()


def test_a_function_that_awaits_what_was_cancelled_is_answered_500(host: HostProcess) -> None:
    status, _, body = ask(host, "/things/cancels")
    assert (status, body) == (500, b"")
    assert "function cancels failed: CancelledError" in host.log()


@pytest.mark.parametrize(
    ("what", "named"), [("status", "status 99"), ("name", "header 'a b'"), ("value", "header a")]
)
def test_a_response_that_http_cannot_carry_is_answered_500_and_logged(
    host: HostProcess, what: str, named: str
) -> None:
    status, headers, body = ask(host, f"/things/unsendable/{what}")
    assert (status, headers.get("a"), body) == (500, None, b"")
    assert f"function unsendable failed: its response has an invalid {named}" in host.log()


def test_no_answer_is_answered_500(host: HostProcess) -> None:
    assert ask(host, "/things/nothing")[0] == 500


def test_a_function_over_its_timeout_is_cancelled_and_answered_500(host: HostProcess) -> None:
    status, _, body = ask(host, "/things/late")
    assert (status, body) == (500, b"")
    assert "function late failed: FunctionTimeoutException" in host.log()


def test_a_cookie_keeps_its_attributes(host: HostProcess) -> None:
    status, headers, body = ask(host, "/things/open")
    assert (status, body) == (204, b"")
    assert headers["set-cookie"] == "a=1; Path=/; HttpOnly; SameSite=Lax"


def test_a_body_of_100_mib_reaches_its_function(host: HostProcess) -> None:
    body = bytes(100 * 1024 * 1024)
    assert ask(host, "/things/size", "POST", body)[2] == str(len(body)).encode()


def test_a_body_over_100_mib_is_refused_before_it_is_sent(host: HostProcess) -> None:
    size = 100 * 1024 * 1024 + 1
    answer = exchange(
        host,
        b"POST /things/echo/x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size,
    )
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_more_requests_than_allowed_are_answered_429(start_host: StartHost) -> None:
    with start_host(APP, {}) as host, ThreadPoolExecutor(2) as clients:
        held = [clients.submit(ask, host, f"/things/hold?by={i}") for i in range(2)]
        eventually(lambda: ask(host, "/things/state")[0] == 429)
        # They end with functionTimeout, and make room.
        assert [each.result()[0] for each in held] == [500, 500]
        assert ask(host, "/things/state")[0] == 200


def test_a_clients_disconnect_cancels_nothing(start_host: StartHost) -> None:
    with start_host(APP, {}) as host:
        with socket.create_connection(("127.0.0.1", host.port)) as connection:
            connection.sendall(b"GET /things/hold?by=gone HTTP/1.1\r\nHost: h\r\n\r\n")
            eventually(lambda: state(host)["arrived"] == ["gone"])
        assert ask(host, "/things/release")[0] == 200
        eventually(lambda: state(host)["finished"] == ["gone"])


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("/things/files/known", "", 401),
        ("/things/files/known", "wrong", 401),
        ("/things/files/known", "of functions", 200),
        ("/things/files/known", "of the master", 200),
        ("/things/masters", "of functions", 401),
        ("/things/masters", "of the master", 200),
        ("/things/open", "", 204),
        ("/admin/host/ping", "", 200),
    ],
)
def test_a_configured_key_is_asked_for_by_level(
    locked: HostProcess, path: str, key: str, status: int
) -> None:
    headers = {"x-functions-key": key} if key else {}
    answered, _, body = ask(locked, path, headers=headers)
    assert answered == status
    assert status != 401 or body == b""


def test_a_key_may_stand_in_the_query_and_the_header_goes_first(locked: HostProcess) -> None:
    path = "/things/files/known?code=of%20functions"
    assert ask(locked, path)[0] == 200
    assert ask(locked, path, headers={"x-functions-key": "wrong"})[0] == 401


def test_without_keys_every_level_is_open(host: HostProcess) -> None:
    assert ask(host, "/things/masters")[0] == 200


def test_a_stopping_host_answers_running_requests_and_exits_with_0(start_host: StartHost) -> None:
    with start_host(APP, {}) as host, ThreadPoolExecutor(1) as clients:
        slow = clients.submit(ask, host, "/things/slow")
        eventually(lambda: "slow" in state(host)["arrived"])
        assert host.stop() == 0
        assert slow.result()[2] == b"done"
