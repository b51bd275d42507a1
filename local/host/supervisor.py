"""The workers on a port: started, started again when they end, and stopped, together.

Each listens by a socket of its own, among which the kernel deals out connections by chance. Of one
socket that all share, whichever wakes first takes all that wait: of 16 connections that come at
once, often 13 or more.
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

#: The exit code of whatever cannot start, and says why.
CANNOT_START = 2

#: A worker's, where the app or its settings are at fault and stay so. No app ends itself with it.
AT_FAULT = 78

#: Seconds before a worker that died is started again; doubled with each early death.
PAUSE_S = 0.5
MAX_PAUSE_S = 30.0
#: Seconds after which a worker's death is no early one.
EARLY_S = 10.0

#: Seconds that workers have to drain before they are killed.
STOP_S = 30.0
#: The same where this process is the last that knows of them: its parent was killed.
ORPHAN_STOP_S = 1.0


async def supervise(arguments: Arguments, sock: socket.socket) -> int:
    """Run `arguments.workers` processes until SIGTERM or SIGINT; the exit code.

    `sock` has found the address free, and makes room for the workers' own.
    A worker sees in its standard input, which never says anything, that this process has ended.
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
                group.create_task(self._keep(number))
            group.create_task(self._stop_all())
        return self._exit_code

    def stop(self) -> None:
        self._stopping.set()

    def terminate(self) -> None:
        """SIGTERM; from the kernel where the parent was killed: then there is no time to drain."""
        if self._arguments.parent not in (0, os.getppid()):
            self._stop_s = ORPHAN_STOP_S
            for process in self._processes.values():
                _leave(process)
        self.stop()

    def interrupt(self) -> None:
        if self._stopping.is_set():
            for process in self._processes.values():
                process.kill()
            os._exit(130)
        self.stop()

    async def _keep(self, number: int) -> None:
        pause_s = PAUSE_S
        while not self._stopping.is_set():
            started = time.monotonic()
            code = await self._run_worker(number)
            if self._stopping.is_set():
                return
            if code == AT_FAULT:
                self._exit_code = CANNOT_START
                self.stop()
                return
            early = time.monotonic() - started < EARLY_S
            pause_s = min(pause_s * 2, MAX_PAUSE_S) if early else PAUSE_S
            log.error("worker %d ended with %d: starting another in %g s", number, code, pause_s)
            await self._pause(pause_s)

    async def _run_worker(self, number: int) -> int:
        # The worker's alone: once it ends, nothing is left that could be dealt a connection.
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
        given = self._arguments
        return [
            *(sys.executable, "-m", "local.host"),
            *("--app", str(given.app_dir)),
            *("--host", given.host, "--port", str(given.port), "--workers", str(given.workers)),
            *("--worker", str(number), "--socket-fd", str(sock.fileno())),
            *(("--verbose",) if given.verbose else ()),
        ]


def _leave(process: asyncio.subprocess.Process) -> None:
    """Close the worker's standard input, by which it knows that nobody supervises it any more."""
    if process.stdin is not None:
        process.stdin.close()
