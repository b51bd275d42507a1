"""Log lines of the host and its app: one stream, one format.

Only the app's lines about requests in JSON are written as they are, for programs to read.
"""

from __future__ import annotations

import logging
import sys
import time

from local.host.line_writer import LineWriter

#: The app's logger for one line a request (docs/logs.md).
REQUESTS = "triscore.requests"
#: Libraries that log each call at INFO.
VERBOSE_LIBRARIES = ("azure", "uamqp", "asyncio", "urllib3")


def configure(level: int, *, verbose: bool, worker: int) -> None:
    """`level` is host.json's; `verbose` adds the host's own debug lines."""
    process = f" [worker {worker}]" if worker else ""
    handler = logging.StreamHandler(sys.stderr)
    formatter = _Formatter(
        f"%(asctime)s.%(msecs)03dZ{process} %(levelname)s %(name)s: %(message)s",
        "%Y-%m-%dT%H:%M:%S",
    )
    formatter.converter = time.gmtime
    lines = LineWriter(sys.stderr.fileno())
    requests = logging.getLogger(REQUESTS)
    requests.handlers[:], requests.propagate = [lines], False
    for each in (handler, lines):
        each.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in VERBOSE_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    # The SDK logs each broken connection as an error. The listeners log one line an outage instead.
    logging.getLogger("azure.servicebus").setLevel(logging.CRITICAL)
    if verbose:
        logging.getLogger("local.host").setLevel(logging.DEBUG)


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        if record.name == REQUESTS and record.msg.startswith("{"):
            return record.getMessage()
        return super().format(record)
