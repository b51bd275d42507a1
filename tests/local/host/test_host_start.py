"""What keeps the host from starting is one sentence and exit code 2; other problems are logged."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit

import pytest

from local.emulators.child import Child
from local.emulators.ports import HOST, is_free
from tests.servers import HostProcess, StartHost
from tests.waiting import eventually

APP = Path(__file__).parent / "apps" / "http"
PROJECT = Path(__file__).parents[3]

ONE_FUNCTION = """
import azure.functions as func
app = func.FunctionApp()
@app.route("pid", auth_level=func.AuthLevel.ANONYMOUS)
def pid(req: func.HttpRequest) -> func.HttpResponse:
    import os
    return func.HttpResponse(str(os.getpid()))
"""

BUSY = """
import asyncio, logging, os
@app.route("waits", auth_level=func.AuthLevel.ANONYMOUS)
async def waits(req: func.HttpRequest) -> func.HttpResponse:
    logging.info("waits now")
    await asyncio.sleep(60)
@app.route("spins", auth_level=func.AuthLevel.ANONYMOUS)
async def spins(req: func.HttpRequest) -> func.HttpResponse:
    logging.info("spins now")
    while True: pass
@app.route("ends", auth_level=func.AuthLevel.ANONYMOUS)
async def ends(req: func.HttpRequest) -> func.HttpResponse:
    os._exit(1)
"""

#: Starts a host as `make run` does, and waits.
PARENT_OF_A_HOST = """
import os, sys, time
from pathlib import Path
from local.emulators.child import Child
app, port, log = sys.argv[1:]
host = [sys.executable, "-m", "local.host", "--app", app, "--port", port]
command = [*host, "--parent", str(os.getpid())]
Child(command, log=Path(log)).wait()
"""

MODULES = """
import sys
import azure.functions as func
app = func.FunctionApp()
@app.route("modules", auth_level=func.AuthLevel.ANONYMOUS)
def modules(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(" ".join(sys.modules))
"""


def refused(
    app_dir: Path,
    *args: str,
    port: str | None = "0",
    env: dict[str, str] | None = None,
    command: str = "local.host",
) -> str:
    """The one sentence with which the host refuses to start."""
    args = (*(("--port", port) if port else ()), *args)
    run = subprocess.run(
        [sys.executable, "-m", *command.split(), "--app", str(app_dir), *args],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], **(env or {})},
        check=False,
    )
    assert (run.returncode, run.stdout) == (2, ""), run.stderr
    (line,) = run.stderr.splitlines()
    return line


def an_app(folder: Path, script: str, host_json: str = '{"version": "2.0"}') -> Path:
    (folder / "host.json").write_text(host_json)
    (folder / "function_app.py").write_text(script)
    return folder


def test_a_taken_port_is_refused_with_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refused(APP, "--port", str(port))
    assert line == (
        f"cannot listen on 127.0.0.1:{port}: Address already in use; choose another port with "
        "--port or TRISCORE_HTTP_PORT"
    )


def test_listening_beyond_this_machine_needs_a_key() -> None:
    line = refused(APP, "--host", "0.0.0.0")
    assert line.startswith("listening on 0.0.0.0 needs a key: set HOST_FUNCTION_KEY")


def test_an_app_that_fails_to_import_is_named_with_its_line(tmp_path: Path) -> None:
    app = an_app(tmp_path, "import sys\n\nraise ValueError('of mine')\n")
    assert refused(app) == (
        f"the app could not be loaded, {app}/function_app.py:3: ValueError: of mine"
    )


def test_a_missing_module_is_named_without_the_search_path(tmp_path: Path) -> None:
    app = an_app(tmp_path, "import absent_module\n")
    assert refused(app) == (
        f"the app could not be loaded, {app}/function_app.py:1: "
        "ModuleNotFoundError: No module named 'absent_module'"
    )


def test_a_folder_without_an_app_is_refused(tmp_path: Path) -> None:
    assert "host.json is missing" in refused(tmp_path)
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    assert "has no function_app.py" in refused(tmp_path)


def test_a_setting_that_a_binding_names_must_be_there(tmp_path: Path) -> None:
    script = """
@app.service_bus_queue_trigger("message", "Bus", "%QUEUE%")
def f(message: func.ServiceBusMessage) -> None: ...
"""
    assert refused(an_app(tmp_path, ONE_FUNCTION + script)) == (
        "function f, binding message: %QUEUE% refers to a missing app setting; set QUEUE"
    )


def test_a_builtin_list_fails_in_the_runtime_itself(tmp_path: Path) -> None:
    script = """
many = func.Cardinality.MANY
@app.service_bus_queue_trigger("messages", "Bus", "q", cardinality=many)
def f(messages: list[func.ServiceBusMessage]) -> None: ...
"""
    assert "FunctionLoadError: cannot load the f function" in refused(
        an_app(tmp_path, ONE_FUNCTION + script)
    )


@pytest.mark.parametrize(
    ("host_json", "sentence"),
    [
        ("{", "is not JSON"),
        ('{"version": "1.0"}', 'host.json, version: expected "2.0", got "1.0"'),
        (
            '{"version": "2.0", "functionTimeout": 5}',
            'host.json, functionTimeout: expected a time span like "00:05:00", got 5',
        ),
        (
            '{"version": "2.0", "extensions": {"http": {"maxOutstandingRequests": "many"}}}',
            'expected a whole number from 1 up, or -1 for no limit, got "many"',
        ),
        (
            '{"version": "2.0", "extensions": {"serviceBus": {"minMessageBatchSize": 1001}}}',
            "minMessageBatchSize 1001 is above maxMessageBatchSize 1000",
        ),
    ],
)
def test_a_wrong_value_in_host_json_is_named(tmp_path: Path, host_json: str, sentence: str) -> None:
    assert sentence in refused(an_app(tmp_path, ONE_FUNCTION, host_json))


IGNORED = """{
  "version": "2.0",
  "functionTimeout": "00:01:00",
  "retry": {"strategy": "fixedDelay"},
  "concurrency": {"dynamicConcurrencyEnabled": true},
  "logging": {"logLevel": {"default": "Information", "Host.Results": "Error"}},
  "extensions": {
    "http": {"routePrefix": "api", "dynamicThrottlesEnabled": true, "customHeaders": {"a": "b"}},
    "serviceBus": {"prefetchCount": 1, "sessionHandlerOptions": {"maxConcurrentSessions": 1}},
    "queues": {"batchSize": 1}
  },
  "extensionBundle": {"id": "any"}
}"""

ASKS_TOO_MUCH = """
@app.service_bus_queue_trigger("m", "Bus", "q", access_rights=func.AccessRights.LISTEN)
@app.retry(strategy="fixed_delay", max_retry_count="3", delay_interval="00:00:01")
def f(m: func.ServiceBusMessage) -> None: ...
"""


def test_a_setting_that_has_no_effect_is_logged_by_name(
    tmp_path: Path, start_host: StartHost
) -> None:
    app = an_app(tmp_path, ONE_FUNCTION + ASKS_TOO_MUCH, IGNORED)
    with start_host(app, {}) as host:
        eventually(lambda: "Functions:" in host.log())
        told = [line.split(": ", 1)[1] for line in host.log().splitlines() if "ignored" in line]
    beginnings = [
        line.removesuffix(" by the local host").removesuffix(" is ignored") for line in told
    ]
    assert beginnings == [
        "function f: its retry policy",
        "host.json: retry",
        "host.json: concurrency",
        "host.json: logging.logLevel.Host.Results",
        "host.json: extensions.http.dynamicThrottlesEnabled",
        "host.json: extensions.http.customHeaders",
        "host.json: extensions.serviceBus.sessionHandlerOptions",
        "host.json: extensions.queues",
        "function f: accessRights of binding m",
    ]


def test_a_verbose_host_logs_what_a_function_raised_with_its_traceback(
    tmp_path: Path, start_host: StartHost
) -> None:
    script = ONE_FUNCTION.replace("import os", "raise ValueError('of mine')")
    with start_host(an_app(tmp_path, script), {}, "--verbose") as host:
        with pytest.raises(HTTPError):
            get(host.url, "/api/pid")
        eventually(lambda: "Traceback" in host.log())


def test_a_broken_connection_string_is_not_shown(tmp_path: Path) -> None:
    script = """
@app.service_bus_queue_trigger("message", "Bus", "q")
def f(message: func.ServiceBusMessage) -> None: ...
"""
    line = refused(an_app(tmp_path, ONE_FUNCTION + script), env={"Bus": "SharedAccessKey=hidden"})
    assert "connection Bus" in line
    assert "hidden" not in line


def test_the_environment_overrides_local_settings(tmp_path: Path, start_host: StartHost) -> None:
    script = ONE_FUNCTION.replace("str(os.getpid())", "os.environ['A'] + os.environ['B']")
    app = an_app(tmp_path, script)
    (app / "local.settings.json").write_text('{"Values": {"A": "file", "B": "file"}}')
    with start_host(app, {"A": "environment"}) as host:
        assert get(host.url, "/api/pid") == "environmentfile"


def test_several_workers_share_a_port_and_a_dead_one_is_replaced(
    tmp_path: Path, start_host: StartHost
) -> None:
    app = an_app(tmp_path, ONE_FUNCTION)
    with start_host(app, {}, "--workers", "2") as host:
        pids: set[str] = set()

        def all_seen() -> bool:
            pids.add(get(host.url, "/api/pid"))
            return len(pids) == 2

        eventually(all_seen, 20)
        os.kill(int(next(iter(pids))), signal.SIGKILL)
        eventually(lambda: "ended with exit code -9: starting another" in host.log())
        before = set(pids)
        eventually(lambda: get(host.url, "/api/pid") not in before, 20)
        assert host.stop() == 0
        eventually(lambda: not any(is_alive(int(pid)) for pid in pids))


def test_connections_that_come_at_once_are_shared_among_the_workers(
    tmp_path: Path, start_host: StartHost
) -> None:
    with start_host(an_app(tmp_path, ONE_FUNCTION), {}, "--workers", "2") as host:
        eventually(lambda: len({get(host.url, "/api/pid") for _ in range(8)}) == 2, 20)
        address = urlsplit(host.url)
        opened = [HTTPConnection(address.hostname or "", address.port) for _ in range(64)]
        for each in opened:
            each.connect()
        told: Counter[bytes] = Counter()
        for each in opened:
            each.request("GET", "/api/pid")
            told[each.getresponse().read()] += 1
            each.close()
    # By chance each has 32, and five times in ten million one has fewer than 13.
    assert min(told.values()) > 12, told
    assert len(told) == 2


def test_a_port_that_several_workers_share_is_taken_for_others(
    tmp_path: Path, start_host: StartHost
) -> None:
    app = an_app(tmp_path, ONE_FUNCTION)
    with start_host(app, {}, "--workers", "2") as host:
        other = subprocess.run(
            [
                *(sys.executable, "-m", "local.host", "--app", app, "--workers", "2"),
                *("--port", str(urlsplit(host.url).port)),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert other.returncode == 2
    assert "choose another port with --port" in other.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_workers_end_within_a_second_of_their_killed_supervisor_whatever_runs(
    tmp_path: Path, start_host: StartHost, workers: str
) -> None:
    app = an_app(tmp_path, ONE_FUNCTION + BUSY)
    with start_host(app, {}, "--workers", workers) as host, ExitStack() as opened:
        for path in ("/api/waits", "/api/spins"):
            connection = opened.enter_context(closing(connect(host)))
            pid = int(get(host.url, "/api/pid"))
            connection.request("GET", path)
        eventually(lambda: "spins now" in host.log())
        host.process.kill()
        eventually(lambda: not is_alive(pid) and is_free(host.port), 1.2)


def test_a_host_whose_parent_is_killed_ends_within_a_second_whatever_runs(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    app, port = an_app(tmp_path, ONE_FUNCTION + BUSY), free_port()
    parent = Child(
        [sys.executable, "-c", PARENT_OF_A_HOST, str(app), str(port), str(tmp_path / "host.log")],
        log=tmp_path / "parent.log",
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )
    try:
        # The supervisor listens for a moment before its worker does: what answers has been started.
        eventually(lambda: answers(f"http://{HOST}:{port}"), 20)
        with closing(HTTPConnection(HOST, port)) as connection:
            connection.request("GET", "/api/waits")
            eventually(lambda: "waits now" in (tmp_path / "host.log").read_text(), 20)
            parent.kill()
            eventually(lambda: is_free(port), 1.5)
    finally:
        parent.stop()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_worker_that_ends_itself_is_started_again(
    tmp_path: Path, start_host: StartHost, workers: str
) -> None:
    with start_host(an_app(tmp_path, ONE_FUNCTION + BUSY), {}, "--workers", workers) as host:
        before = get(host.url, "/api/pid")
        with closing(connect(host)) as connection:
            connection.request("GET", "/api/ends")
            with pytest.raises(ConnectionError):
                connection.getresponse()
        eventually(lambda: "ended with exit code 1: starting another" in host.log())
        eventually(lambda: answers(host.url) and get(host.url, "/api/pid") != before, 20)
        assert host.stop() == 0


def test_more_connections_than_a_shells_file_limit_are_served(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    app, port, log = an_app(tmp_path, ONE_FUNCTION), free_port(), tmp_path / "host.log"
    command = f"ulimit -Sn 128; exec {sys.executable} -m local.host --app {app} --port {port}"
    host = Child(["sh", "-c", command], log=log, env={**os.environ, "PYTHONPATH": str(PROJECT)})
    try:
        eventually(lambda: "Functions:" in log.read_text(), 20)
        with ExitStack() as opened:
            for _ in range(200):
                opened.enter_context(socket.create_connection((HOST, port)))
            with urllib.request.urlopen(f"http://{HOST}:{port}/api/pid", timeout=5) as answer:
                assert answer.status == 200
    finally:
        assert host.stop() == 0


def test_the_port_can_be_set(tmp_path: Path, free_port: Callable[[], int]) -> None:
    app, port = an_app(tmp_path, ONE_FUNCTION), free_port()
    log = tmp_path / "host.log"
    env = {**os.environ, "TRISCORE_HTTP_PORT": str(port), "PYTHONPATH": str(PROJECT)}
    host = Child([sys.executable, "-m", "cli", "host", "--app", str(app)], log=log, env=env)
    try:
        eventually(lambda: f"http://{HOST}:{port}/api/pid" in log.read_text(), 20)
    finally:
        assert host.stop() == 0
    with socket.create_server((HOST, port)):
        line = refused(app, port=None, env={"TRISCORE_HTTP_PORT": str(port)}, command="cli host")
        assert line.startswith(f"cannot listen on {HOST}:{port}: Address already in use")


def test_a_host_of_http_functions_imports_no_sdk_of_other_triggers(
    tmp_path: Path, start_host: StartHost
) -> None:
    with start_host(an_app(tmp_path, MODULES), {}) as host:
        modules = set(get(host.url, "/api/modules").split())
    assert "azure.functions" in modules
    assert not modules & {"azure.core", "azure.storage", "azure.servicebus"}


def connect(host: HostProcess) -> HTTPConnection:
    return HTTPConnection(HOST, host.port, timeout=10)


def answers(url: str) -> bool:
    try:
        return bool(get(url, "/api/pid"))
    except OSError:
        return False


def get(url: str, path: str) -> str:
    try:
        with urllib.request.urlopen(url + path, timeout=10) as response:
            return str(response.read(), "utf-8")
    except ConnectionResetError:
        # The connection's worker was killed.
        return get(url, path)


def is_alive(pid: int) -> bool:
    """Whether it runs; one that has ended and was not waited for does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
