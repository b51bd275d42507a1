"""Log lines of the host and its app: one stream, one format."""

from __future__ import annotations

import logging
import sys
import time

#: Libraries that say at INFO what they do for each call.
CHATTY = ("azure", "uamqp", "asyncio", "urllib3")


def configure(level: int, *, verbose: bool, worker: int) -> None:
    """`level` is host.json's; `verbose` shows debug lines of the host itself."""
    who = f" [worker {worker}]" if worker else ""
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter(
        f"%(asctime)s.%(msecs)03dZ{who} %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    # The SDK logs each broken connection as an error; the listeners say it in a line of their own.
    logging.getLogger("azure.servicebus").setLevel(logging.CRITICAL)
    if verbose:
        logging.getLogger("host").setLevel(logging.DEBUG)
