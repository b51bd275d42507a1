"""One log line a request, blob or message, if REQUEST_LOG asks for it.

Of what callers send, a line holds the request's id alone. That id may be any text: it is cut, and
escaped so that it can neither begin another line nor control a terminal.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

import orjson

from inference.log_text import MAX_ID, printable_id
from inference.serving.finished_requests import FinishedRequest
from inference.settings import RequestLogForm

#: The logger's name, which does not change. The local host writes its lines apart from others.
NAME = "triscore.requests"
#: The first bytes of a line in JSON, for queries.
EVENT = "request"

log = logging.getLogger(NAME)


class RequestLog:
    """An observer of finished requests. On a terminal, `auto` means text, otherwise JSON."""

    def __init__(self, form: RequestLogForm) -> None:
        if form == "auto":
            form = "text" if sys.stderr.isatty() else "json"
        self._format = format_text if form == "text" else format_json

    def __call__(self, finished: FinishedRequest) -> None:
        if log.isEnabledFor(logging.INFO):
            # Not `log.info`: where this line is logged is of no use, and takes as long to find as
            # all the rest.
            log.handle(
                logging.LogRecord(NAME, logging.INFO, "", 0, self._format(finished), (), None)
            )


def format_json(finished: FinishedRequest) -> str:
    """`{"event": "request", …}`, with the same fields for every request."""
    document = {
        "event": EVENT,
        "time": datetime.now(UTC),
        "request_id": printable_id(finished.request_id),
        "trigger": finished.trigger,
        "route": finished.route or None,
        "status": finished.status,
        "error": finished.error,
        "cache": finished.cache,
        "ms": round(finished.seconds * 1000, 3),
        "rows": finished.rows,
        "model_version": finished.model.version,
    }
    return orjson.dumps(document, option=orjson.OPT_UTC_Z).decode()


def format_text(finished: FinishedRequest) -> str:
    """`http score: 200 in 0.4 ms, cache hit, 2 rows, model 1f2e, request 4d2a`."""
    request_id = finished.request_id[:MAX_ID]
    if not (request_id.isascii() and request_id.replace("-", "").isalnum()):
        request_id = repr(request_id)  # which escapes too
    rows = finished.rows
    parts = (
        f"{finished.trigger} {finished.route}".rstrip(),
        f": {finished.status}",
        finished.error and f" {finished.error}",
        f" in {finished.seconds * 1000:.1f} ms",
        finished.cache and f", cache {finished.cache}",
        rows is not None and f", {rows:,} row{'' if rows == 1 else 's'}",
        f", model {finished.model.version}, request {request_id}",
    )
    return "".join(part for part in parts if part)
