"""`python -m local.host`: exit code 0 after a stop, 2 with one sentence where it cannot start."""

from __future__ import annotations

import asyncio
import os
import sys

from local.host import app_settings, arguments, logs, supervisor
from local.host.arguments import Arguments
from local.host.errors import HostError
from local.host.host_json import HostOptions
from local.host.http_listener.keys import Keys


def main() -> int:
    given = arguments.parse()
    try:
        app_settings.apply(given.app_dir, os.environ)
        options = HostOptions.read(given.app_dir / "host.json")
        logs.configure(
            options.log_level,
            verbose=given.verbose,
            worker=given.worker if given.workers > 1 else 0,
        )
        if given.worker:
            _work(given, options)
            return 0
        with arguments.bind(given, Keys.from_env(os.environ)) as sock:
            return asyncio.run(supervisor.supervise(given, sock))
    except HostError as error:
        print(error, file=sys.stderr)
        return supervisor.AT_FAULT if given.worker else supervisor.CANNOT_START


def _work(given: Arguments, options: HostOptions) -> None:
    # Only a worker imports what serves: its supervisor stays small.
    import uvloop  # noqa: PLC0415

    from local.host import worker  # noqa: PLC0415

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(worker.run(given, options))


if __name__ == "__main__":
    sys.exit(main())
