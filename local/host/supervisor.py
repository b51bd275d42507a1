"""Starts a host's worker processes, restarts those that end, and stops them together.

Each worker has a listening socket of its own (SO_REUSEPORT), so the kernel distributes connections
at random. With one shared socket, the worker that wakes up first accepts all waiting connections:
often 13 or more of 16 that arrive at once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from typing import Any

from local.host.arguments import Arguments

log = logging.getLogger(__name__)

#: The exit code of a host that cannot start.
CANNOT_START = 2

#: A worker's exit code if the app or its settings are wrong: a restart would not help. It is
#: EX_CONFIG of sysexits.h.
CONFIGURATION_ERROR = 78

#: Seconds before a worker that ended is started again; doubled each time it ends within EARLY_S.
PAUSE_S = 0.5
MAX_PAUSE_S = 30.0
EARLY_S = 10.0

#: Seconds that workers have to drain before they are killed.
STOP_S = 30.0
#: The same if this process's parent was killed.
ORPHAN_STOP_S = 1.0


async def supervise(arguments: Arguments, sock: socket.socket) -> int:
    """Run `arguments.workers` processes until SIGTERM or SIGINT. Returns the exit code.

    `sock` has reserved the address; it is closed, and the workers' sockets take its place. Each
    worker's standard input is a pipe that stays empty and closes when this process dies.
    """
    family, address = sock.family, sock.getsockname()
    sock.close()
    supervisor = _Supervisor(arguments, family, address)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, supervisor.terminate)
    loop.add_signal_handler(signal.SIGINT, supervisor.interrupt)
    return await supervisor.run()


class _Supervisor:
    def __init__(
        self, arguments: Arguments, family: socket.AddressFamily, address: tuple[Any, ...]
    ) -> None:
        self._arguments, self._family, self._address = arguments, family, address
        self._stopping = asyncio.Event()
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._exit_code = 0
        self._stop_s = STOP_S

    def __repr__(self) -> str:
        return f"<Supervisor of {len(self._processes)} workers>"

    async def run(self) -> int:
        async with asyncio.TaskGroup() as group:
            for number in range(1, self._arguments.workers + 1):
                group.create_task(self._keep_running(number))
            group.create_task(self._stop_all())
        return self._exit_code

    def stop(self) -> None:
        self._stopping.set()

    def terminate(self) -> None:
        """On SIGTERM. If the kernel sent it because the parent was killed, do not drain."""
        if self._arguments.parent not in (0, os.getppid()):
            self._stop_s = ORPHAN_STOP_S
            for process in self._processes.values():
                _close_stdin(process)
        self.stop()

    def interrupt(self) -> None:
        if self._stopping.is_set():
            for process in self._processes.values():
                process.kill()
            os._exit(130)
        self.stop()

    async def _keep_running(self, number: int) -> None:
        pause_s = PAUSE_S
        while not self._stopping.is_set():
            started = time.monotonic()
            code = await self._run_worker(number)
            if self._stopping.is_set():
                return
            if code == CONFIGURATION_ERROR:
                self._exit_code = CANNOT_START
                self.stop()
                return
            early = time.monotonic() - started < EARLY_S
            pause_s = min(pause_s * 2, MAX_PAUSE_S) if early else PAUSE_S
            log.error(
                "worker %d ended with exit code %d: starting another in %g s", number, code, pause_s
            )
            await self._pause(pause_s)

    async def _run_worker(self, number: int) -> int:
        # This process closes its copy: a dead worker's socket must not receive connections.
        with self._bind() as sock:
            process = await asyncio.create_subprocess_exec(
                *self._command(number, sock),
                stdin=asyncio.subprocess.PIPE,
                pass_fds=[sock.fileno()],
            )
        self._processes[number] = process
        if self._stopping.is_set():
            process.terminate()
        code = await process.wait()
        del self._processes[number]
        return code

    def _bind(self) -> socket.socket:
        sock = socket.socket(self._family, socket.SOCK_STREAM)
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            sock.setsockopt(socket.SOL_SOCKET, option, 1)
        sock.bind(self._address)
        return sock

    async def _stop_all(self) -> None:
        await self._stopping.wait()
        for process in self._processes.values():
            process.terminate()
        waiting = {
            asyncio.create_task(process.wait()): number
            for number, process in self._processes.items()
        }
        if not waiting:
            return
        _, late = await asyncio.wait(waiting, timeout=self._stop_s)
        for task in late:
            log.error("worker %d did not stop within %g s: killed", waiting[task], self._stop_s)
            self._processes[waiting[task]].kill()
        await asyncio.gather(*late)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    def _command(self, number: int, sock: socket.socket) -> list[str]:
        arguments = self._arguments
        return [
            *(sys.executable, "-m", "local.host"),
            *("--app", str(arguments.app_dir)),
            *("--host", arguments.host, "--port", str(arguments.port)),
            *("--workers", str(arguments.workers)),
            *("--worker", str(number), "--socket-fd", str(sock.fileno())),
            *(("--verbose",) if arguments.verbose else ()),
        ]


def _close_stdin(process: asyncio.subprocess.Process) -> None:
    """Make a worker behave as if its supervisor had died: it ends within a second."""
    if process.stdin is not None:
        process.stdin.close()
