"""Real servers for tests: each a process of its own, on ports of its own."""

from __future__ import annotations

import os
import random
import signal
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest

from local.emulators.azurite import Azurite
from local.emulators.child import Child
from local.emulators.errors import EmulatorError
from local.emulators.managed_server import PROJECT, ManagedServer
from local.emulators.ports import HOST, is_free
from local.emulators.redis_server import RedisServer
from local.emulators.service_bus_emulator import CONFIG, ServiceBusEmulator
from tests.waiting import eventually

#: Below the range from which the kernel takes ports for outgoing connections: a port that is
#: free here can't be taken by an outgoing connection before the server starts.
PORTS = range(20000, 32000)
#: Test processes that run at the same time have ports of their own: between a look at a port and
#: the start of a server there, another process could give it away too.
_WORKERS = 8
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
OWN_PORTS = PORTS[_worker::_WORKERS]

READY_S = 30.0

_given: set[int] = set()


def free_port() -> int:
    """A free port, never the same twice."""
    while (port := random.choice(OWN_PORTS)) in _given or not is_free(port):
        pass
    _given.add(port)
    return port


class ServerProcess:
    """A server that a test may kill, pause and start again; it keeps its data."""

    def __init__(self, server: ManagedServer, log: Path) -> None:
        self.server = server
        self._log = log
        self._child: Child | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.server.name} on {self.port}: {self._child!r}>"

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def port(self) -> int:
        return self.server.ports[0]

    @property
    def is_running(self) -> bool:
        return self._child is not None

    @property
    def process(self) -> Child:
        assert self._child is not None, f"{self.server.name} is not running"
        return self._child

    def start(self) -> None:
        """Start, and wait until it serves. Does nothing to a running server."""
        if self.is_running:
            return
        self.server.data.mkdir(parents=True, exist_ok=True)
        child = Child(
            require(self.server),
            log=self._log,
            env={**os.environ, **self.server.environment()},
        )
        self._child = child
        eventually(lambda: child.exit_code is not None or self.server.is_healthy(), READY_S)
        assert child.exit_code is None, self.log()

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self._child = None

    def pause(self) -> None:
        """SIGSTOP: connections stay open, nothing answers."""
        self.process.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.signal(signal.SIGCONT)

    def stop(self) -> None:
        """Stop for good, paused or not. Does nothing to a stopped server."""
        if self._child is not None:
            self.resume()
            self._child.stop()
            self._child = None

    def log(self) -> str:
        return self._log.read_text(errors="replace")


class RedisProcess(ServerProcess):
    def __init__(self, folder: Path) -> None:
        redis = RedisServer(folder / "data", free_port())
        super().__init__(redis, folder / "redis.log")
        self.url = redis.url


class AzuriteProcess(ServerProcess):
    def __init__(self, folder: Path) -> None:
        blob, queue, table = (free_port() for _ in range(3))
        azurite = Azurite(folder / "data", blob, queue, table)
        super().__init__(azurite, folder / "azurite.log")
        self.connection_string = azurite.connection_string


class BrokerProcess(ServerProcess):
    def __init__(self, folder: Path, config: Path = CONFIG) -> None:
        broker = ServiceBusEmulator(folder / "data", free_port(), config)
        super().__init__(broker, folder / "servicebus.log")
        self.connection_string = broker.connection_string


def require(server: ManagedServer) -> list[str]:
    """The command of a server. Without its program the test is skipped, with CI set it fails."""
    try:
        return server.command()
    except EmulatorError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


class HostProcess:
    """The local host on one app folder. Ends with its `with` block."""

    def __init__(
        self,
        app_dir: Path,
        env: dict[str, str],
        args: tuple[str, ...],
        log: Path,
        *,
        port: int | None = None,
        python: str = sys.executable,
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://{HOST}:{self.port}"
        self._log = log
        # The machine's own settings must not reach the app under test.
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.process = Child(
            [
                *(python, "-m", "local.host", "--app", str(app_dir)),
                *("--host", HOST, "--port", str(self.port), *args),
            ],
            log=log,
            env={**inherited, "PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1", **env},
            cwd=PROJECT,
        )

    def __repr__(self) -> str:
        return f"<HostProcess {self.url} {self.process!r}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait_ready(self) -> None:
        eventually(lambda: self.process.exit_code is not None or self._answers(), READY_S)
        assert self.process.exit_code is None, self.log()

    def log(self) -> str:
        """What it printed so far."""
        return self._log.read_text(errors="replace")

    def kill(self) -> None:
        """kill -9, of its workers too."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Send SIGTERM, and SIGKILL if it does not end in time. Returns the exit code."""
        return self.process.stop(grace_s=30)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/admin/host/ping", timeout=1) as response:
                return bool(response.status == 200)
        except OSError:
            return False


StartHost = Callable[..., HostProcess]
