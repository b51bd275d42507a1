"""HTTP servers for the local host, compared: requests a second on one core.

    python bench/http_servers.py [--rounds 5] [--seconds 4] [--connections 32]

Each server answers `ok` to an empty ASGI application on one core; wrk asks from the other. Servers
take turns, round by round, so that what else the machine does hits all of them; the table has the
medians. Servers that are not installed are left out; `host` is `python -m host` with an empty
function.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from importlib.util import find_spec
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]

SERVER_CORE, LOAD_CORE = 0, 1

APPLICATION = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError(scope["type"])
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-type", b"text/plain"), (b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
"""

FUNCTION = """
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
@app.route("empty", methods=["GET"])
async def empty(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("ok", mimetype="text/plain")
"""


def commands(port: int, folder: Path) -> dict[str, list[str]]:
    """The servers that are installed."""
    known = {
        "uvicorn": [
            *("uvicorn", "empty:app", "--port", str(port), "--loop", "uvloop"),
            *("--http", "httptools", "--lifespan", "off", "--no-access-log"),
            *("--log-level", "warning"),
        ],
        "granian": [
            *("granian", "empty:app", "--port", str(port), "--interface", "asginl"),
            *("--loop", "uvloop", "--no-ws", "--log-level", "error"),
        ],
        "hypercorn": ["hypercorn", "empty:app", "-b", f"127.0.0.1:{port}", "-k", "uvloop"],
        "host": ["host", "--app", str(folder), "--port", str(port)],
    }
    return {
        name: [sys.executable, "-m", *command]
        for name, command in known.items()
        if name == "host" or find_spec(name) is not None
    }


def measure(command: list[str], url: str, folder: Path, wrk: list[str]) -> float:
    """Requests a second."""
    path = os.pathsep.join(filter(None, (str(PROJECT), os.environ.get("PYTHONPATH", ""))))
    server = subprocess.Popen(
        ["taskset", "-c", str(SERVER_CORE), *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until_it_answers(url, server)
        load = ["taskset", "-c", str(LOAD_CORE), *wrk, url]
        subprocess.run([*load[:-1], "-d1s", url], check=True, stdout=subprocess.DEVNULL)
        text = subprocess.run(load, check=True, capture_output=True, text=True).stdout
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(text)
    found = re.search(r"Requests/sec:\s+([\d.]+)", text)
    if found is None:
        raise RuntimeError(text)
    return float(found[1])


def wait_until_it_answers(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare HTTP servers.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=32)
    given = parser.parse_args()
    wrk = ["wrk", "-t1", f"-c{given.connections}", f"-d{given.seconds}s"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "empty.py").write_text(APPLICATION)
        (folder / "function_app.py").write_text(FUNCTION)
        (folder / "host.json").write_text('{"version": "2.0"}')
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        rates: dict[str, list[float]] = {}
        for _ in range(given.rounds):
            for server, command in commands(port, folder).items():
                path = "api/empty" if server == "host" else ""
                rate = measure(command, f"http://127.0.0.1:{port}/{path}", folder, wrk)
                rates.setdefault(server, []).append(rate)
    print(f"{'server':10} {'median':>9} {'lowest':>9} {'highest':>9}  requests/s")
    for server, values in sorted(rates.items(), key=lambda item: -statistics.median(item[1])):
        median, low, high = statistics.median(values), min(values), max(values)
        print(f"{server:10} {median:9,.0f} {low:9,.0f} {high:9,.0f}")


if __name__ == "__main__":
    main()
