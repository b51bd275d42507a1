"""Log lines of the host and its app: one stream, one format."""

from __future__ import annotations

import logging
import sys
import time

#: Libraries that log each call at INFO.
VERBOSE_LIBRARIES = ("azure", "uamqp", "asyncio", "urllib3")


def configure(level: int, *, verbose: bool, worker: int) -> None:
    """`level` is host.json's; `verbose` adds the host's own debug lines."""
    process = f" [worker {worker}]" if worker else ""
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter(
        f"%(asctime)s.%(msecs)03dZ{process} %(levelname)s %(name)s: %(message)s",
        "%Y-%m-%dT%H:%M:%S",
    )
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in VERBOSE_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    # The SDK logs each broken connection as an error. The listeners log one line an outage instead.
    logging.getLogger("azure.servicebus").setLevel(logging.CRITICAL)
    if verbose:
        logging.getLogger("local.host").setLevel(logging.DEBUG)
