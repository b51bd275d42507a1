"""The host process: exit code 0 after a stop, 2 with one sentence if it cannot start."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence

from local.host import app_settings, arguments, listening_socket, logs, supervisor
from local.host.arguments import Arguments
from local.host.errors import HostError
from local.host.host_json import HostOptions
from local.host.http_listener.keys import Keys


def main(argv: Sequence[str] | None = None) -> int:
    return run(arguments.parse(argv))


def run(options: Arguments) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit code."""
    try:
        app_settings.apply(options.app_dir, os.environ)
        host_options = HostOptions.read(options.app_dir / "host.json", os.environ)
        logs.configure(
            host_options.log_level,
            verbose=options.verbose,
            worker=options.worker if options.workers > 1 else 0,
        )
        if options.worker:
            _run_worker(options, host_options)
            return 0
        keys = Keys.from_env(os.environ)
        with listening_socket.bind(options.host, options.port, keys) as sock:
            return asyncio.run(supervisor.supervise(options, sock))
    except HostError as error:
        print(error, file=sys.stderr)
        return supervisor.CONFIGURATION_ERROR if options.worker else supervisor.CANNOT_START


def _run_worker(options: Arguments, host_options: HostOptions) -> None:
    # Imported in workers only: the supervisor process stays small.
    import uvloop  # noqa: PLC0415

    from local.host import worker  # noqa: PLC0415

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(worker.run(options, host_options))


if __name__ == "__main__":
    sys.exit(main())
