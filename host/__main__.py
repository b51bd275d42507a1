"""`python -m host`: exit code 0 after a stop, 2 with one sentence where it cannot start."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Coroutine

import uvloop

from host import app_settings, arguments, logs, worker, workers
from host.errors import HostError
from host.host_json import HostOptions
from host.keys import Keys

#: The descriptor that a supervised worker watches for its supervisor's end.
PARENT_FD = 0


def main() -> int:
    given = arguments.parse()
    try:
        app_settings.apply(given.app_dir, os.environ)
        options = HostOptions.read(given.app_dir / "host.json")
        logs.configure(options.log_level, verbose=given.verbose, worker=given.worker)
        if given.worker:
            sock = socket.socket(fileno=given.socket_fd)
            _run(worker.run(given, options, sock, parent_fd=PARENT_FD))
            return 0
        with arguments.bind(given, Keys.from_env(os.environ)) as sock:
            if given.workers > 1:
                return _run(workers.supervise(given, sock))
            _run(worker.run(given, options, sock))
    except HostError as error:
        print(error, file=sys.stderr)
        return workers.CANNOT_START
    return 0


def _run[T](serving: Coroutine[None, None, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serving)


if __name__ == "__main__":
    sys.exit(main())
