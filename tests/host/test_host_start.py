"""What keeps the host from starting is one sentence and exit code 2; what it survives, it says."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections import Counter
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.servers import HostProcess, StartHost
from tests.waiting import eventually

APP = Path(__file__).parent / "apps" / "http"
PROJECT = Path(__file__).parents[2]

ONE_FUNCTION = """
import azure.functions as func
app = func.FunctionApp()
@app.route("pid", auth_level=func.AuthLevel.ANONYMOUS)
def pid(req: func.HttpRequest) -> func.HttpResponse:
    import os
    return func.HttpResponse(str(os.getpid()))
"""

MODULES = """
import sys
import azure.functions as func
app = func.FunctionApp()
@app.route("modules", auth_level=func.AuthLevel.ANONYMOUS)
def modules(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(" ".join(sys.modules))
"""


def refused(app_dir: Path, *args: str, env: dict[str, str] | None = None) -> str:
    """The one sentence with which the host refuses to start."""
    run = subprocess.run(
        [sys.executable, "-m", "host", "--app", str(app_dir), "--port", "0", *args],
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
        f"cannot listen on 127.0.0.1:{port}: Address already in use; choose another with --port"
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
        "function f, binding message: %QUEUE% names no app setting; set QUEUE"
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
        ('{"version": "1.0"}', "host.json, version: expected '2.0', got '1.0'"),
        (
            '{"version": "2.0", "functionTimeout": 5}',
            "host.json, functionTimeout: expected a time span like '00:05:00', got 5",
        ),
        (
            '{"version": "2.0", "extensions": {"http": {"maxOutstandingRequests": "many"}}}',
            "maxOutstandingRequests: expected a number from 1 on, or -1 for no limit, got 'many'",
        ),
        (
            '{"version": "2.0", "extensions": {"serviceBus": {"minMessageBatchSize": 1001}}}',
            "minMessageBatchSize 1001 is above maxMessageBatchSize 1000",
        ),
    ],
)
def test_a_wrong_value_in_host_json_is_named(tmp_path: Path, host_json: str, sentence: str) -> None:
    assert sentence in refused(an_app(tmp_path, ONE_FUNCTION, host_json))


def test_a_broken_connection_string_is_not_shown(tmp_path: Path) -> None:
    script = """
@app.service_bus_queue_trigger("message", "Bus", "q")
def f(message: func.ServiceBusMessage) -> None: ...
"""
    line = refused(an_app(tmp_path, ONE_FUNCTION + script), env={"Bus": "SharedAccessKey=hidden"})
    assert "connection Bus" in line
    assert "hidden" not in line


def test_the_environment_goes_over_local_settings(tmp_path: Path, start_host: StartHost) -> None:
    script = ONE_FUNCTION.replace("str(os.getpid())", "os.environ['A'] + os.environ['B']")
    app = an_app(tmp_path, script)
    (app / "local.settings.json").write_text('{"Values": {"A": "file", "B": "file"}}')
    with start_host(app, {"A": "environment"}) as host:
        assert get(host, "/api/pid") == "environmentfile"


def test_several_workers_share_a_port_and_a_dead_one_is_replaced(
    tmp_path: Path, start_host: StartHost
) -> None:
    app = an_app(tmp_path, ONE_FUNCTION)
    with start_host(app, {}, "--workers", "2") as host:
        pids: set[str] = set()

        def all_seen() -> bool:
            pids.add(get(host, "/api/pid"))
            return len(pids) == 2

        eventually(all_seen, 20)
        os.kill(int(next(iter(pids))), signal.SIGKILL)
        eventually(lambda: "ended with -9: starting another" in host.log())
        before = set(pids)
        eventually(lambda: get(host, "/api/pid") not in before, 20)
        assert host.stop() == 0
        eventually(lambda: not any(is_alive(int(pid)) for pid in pids))


def test_connections_that_come_at_once_are_shared_among_the_workers(
    tmp_path: Path, start_host: StartHost
) -> None:
    with start_host(an_app(tmp_path, ONE_FUNCTION), {}, "--workers", "2") as host:
        eventually(lambda: len({get(host, "/api/pid") for _ in range(8)}) == 2, 20)
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
                *(sys.executable, "-m", "host", "--app", app, "--workers", "2"),
                *("--port", str(urlsplit(host.url).port)),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert other.returncode == 2
    assert "choose another with --port" in other.stderr


def test_workers_end_with_their_killed_supervisor(tmp_path: Path, start_host: StartHost) -> None:
    app = an_app(tmp_path, ONE_FUNCTION)
    with start_host(app, {}, "--workers", "2") as host:
        pid = int(get(host, "/api/pid"))
        host.kill()
        eventually(lambda: not is_alive(pid))


def test_a_host_of_http_functions_imports_no_sdk_of_other_doors(
    tmp_path: Path, start_host: StartHost
) -> None:
    with start_host(an_app(tmp_path, MODULES), {}) as host:
        modules = set(get(host, "/api/modules").split())
    assert "azure.functions" in modules
    assert not modules & {"azure.core", "azure.storage", "azure.servicebus"}


def get(host: HostProcess, path: str) -> str:
    try:
        with urllib.request.urlopen(host.url + path, timeout=10) as response:
            return str(response.read(), "utf-8")
    except ConnectionResetError:
        # The worker that held the connection was killed.
        return get(host, path)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
