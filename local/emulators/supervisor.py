"""Runs one server and restarts it when it ends."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from local.emulators.child import Child
from local.emulators.errors import EmulatorError
from local.emulators.managed_server import ManagedServer

log = logging.getLogger(__name__)

State = Literal["starting", "ok", "restarting", "failed", "stopped"]

#: Seconds before each restart of a server that keeps ending; after the last one, give up.
PAUSES_S = (0.2, 0.5, 1.0, 2.0, 4.0)
#: After running this long, a server's restarts count from the first pause again.
STABLE_S = 30.0
#: Seconds in which a server must answer after its start. Azurite on a busy machine is slowest.
READY_S = 30.0
#: Seconds between two health checks of a starting server.
CHECK_EVERY_S = 0.02


class Supervisor:
    """`on_change` is called after every change of state or pid, in the thread that made it."""

    def __init__(
        self,
        server: ManagedServer,
        *,
        log_file: Path,
        pauses_s: Sequence[float] = PAUSES_S,
        ready_s: float = READY_S,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.server = server
        self.state: State = "stopped"
        self._log_file = log_file
        self._pauses_s, self._ready_s = pauses_s, ready_s
        self._on_change = on_change
        self._child: Child | None = None
        self._stopping = threading.Event()
        #: Keeps `stop` from missing a child that is being started.
        self._spawning = threading.Lock()
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"<Supervisor {self.server.name} {self.state} pid {self.pid}>"

    @property
    def pid(self) -> int | None:
        return None if self._child is None else self._child.pid

    def launch(self) -> None:
        """Start the server's process. `wait_ready` waits until it serves."""
        self._stopping.clear()
        self.server.data.mkdir(parents=True, exist_ok=True)
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        self._log_file.write_bytes(b"")
        self.state = "starting"
        self._spawn()

    def wait_ready(self) -> None:
        """Raises EmulatorError if the server ends or does not answer in time."""
        child = self._child
        assert child is not None  # noqa: S101 - launch comes first
        self._await_health(child)
        self._set("ok")
        self._thread = threading.Thread(
            target=self._supervise,
            args=(child,),
            name=f"supervise-{self.server.name}",
            daemon=True,
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop the process and its supervision. Does nothing if it is stopped."""
        with self._spawning:
            self._stopping.set()
            child, self._child = self._child, None
        if child is not None:
            child.stop()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self.state != "failed":
            self.state = "stopped"

    def _spawn(self) -> Child | None:
        """A new process; None if the server is being stopped."""
        with self._spawning:
            if self._stopping.is_set():
                return None
            self._child = Child(
                self.server.command(),
                log=self._log_file,
                env={**os.environ, **self.server.environment()},
            )
            return self._child

    def _await_health(self, child: Child) -> None:
        deadline = time.monotonic() + self._ready_s
        while True:
            healthy = self.server.is_healthy()
            # Checked after the health check: if the child has ended, another program answered.
            if child.exit_code is not None:
                raise EmulatorError(
                    f"{self.server.name} ended with exit code {child.exit_code} during its start: "
                    f"{child.last_line()} (see {child.log})"
                )
            if healthy:
                return
            if time.monotonic() > deadline:
                raise EmulatorError(
                    f"{self.server.name} does not answer on port {self.server.ports[0]} after "
                    f"{self._ready_s:.0f} s: see {child.log}"
                )
            if self._stopping.wait(CHECK_EVERY_S):
                return

    def _supervise(self, child: Child) -> None:
        restarts = 0
        while True:
            since = time.monotonic()
            code = child.wait()
            if self._stopping.is_set():
                return
            restarts = 1 if time.monotonic() - since > STABLE_S else restarts + 1
            if restarts > len(self._pauses_s):
                log.error(
                    "%s keeps ending (exit code %s) and is not restarted: see %s",
                    *(self.server.name, code, child.log),
                )
                self._set("failed")
                return
            pause_s = self._pauses_s[restarts - 1]
            log.warning(
                "%s ended with exit code %s: restarting it in %s s",
                *(self.server.name, code, pause_s),
            )
            self._set("restarting")
            if self._stopping.wait(pause_s):
                return
            child = self._restart() or child

    def _restart(self) -> Child | None:
        """A new child, which serves or has ended; None if no child could be started."""
        try:
            child = self._spawn()
        except (EmulatorError, OSError) as error:
            log.warning("%s cannot be started: %s", self.server.name, error)
            return None
        if child is None:
            return None
        try:
            self._await_health(child)
        except EmulatorError as error:
            log.warning("%s", error)
            child.stop()
        else:
            self._set("ok")
        return child

    def _set(self, state: State) -> None:
        self.state = state
        self._on_change()
