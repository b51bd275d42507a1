"""Text of callers and scripts in log lines: bounded, and without control characters.

What is not printable (a line break, a terminal's escape sequence, a lone surrogate) is shown as
Python shows it in a string: `\\n`, `\\x1b`, `\\udcff`.
"""

from __future__ import annotations

from contextvars import ContextVar

#: Characters of an id that a line shows: as many as a broker allows for a message's.
MAX_ID = 128

#: The id of the request that the code works for, for lines of deeper layers. Where several requests
#: share the work, it is the first one's.
current_request: ContextVar[str] = ContextVar("current_request", default="")


def printable(text: str) -> str:
    """The text in one line."""
    return text if text.isprintable() else repr(text)[1:-1]


def printable_id(request_id: str) -> str:
    """A request's id, cut to MAX_ID characters."""
    return printable(request_id[:MAX_ID])
