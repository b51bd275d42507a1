"""Writes many log lines from a thread, so that a slow reader of the log never stops the event loop.

A write to a pipe that nobody reads blocks when the pipe is full, at 64 KiB on Linux.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterator

#: Lines that wait to be written. Those that come on top are dropped, and counted.
MAX_LINES = 10_000
#: Between two writes, in seconds: a write a line would wake the thread for each of them.
PAUSE_S = 0.05
#: How long `flush` waits for lines to be written, in seconds.
FLUSH_S = 1.0
#: A write of so many bytes into a pipe does not mix with those of other processes.
MAX_BYTES = 4096

log = logging.getLogger(__name__)


class LineWriter(logging.Handler):
    """Writes to a file descriptor, which it does not close."""

    def __init__(self, fd: int, *, max_lines: int = MAX_LINES) -> None:
        super().__init__()
        self._fd, self._max_lines = fd, max_lines
        self._lines: deque[str] = deque()
        self._wake, self._written = threading.Event(), threading.Event()
        self._written.set()
        self._dropped = self._reported = 0
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"<LineWriter {len(self._lines)} lines, {self._dropped} dropped>"

    def emit(self, record: logging.LogRecord) -> None:
        if len(self._lines) >= self._max_lines:
            self._dropped += 1
            return
        self._lines.append(self.format(record))
        if not self._wake.is_set():
            self._written.clear()
            self._wake.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="log lines", daemon=True)
                self._thread.start()

    def flush(self) -> None:
        """Return when all lines are written, or after FLUSH_S."""
        self._written.wait(FLUSH_S)

    def _run(self) -> None:
        while True:
            self._wake.wait()
            time.sleep(PAUSE_S)
            self._wake.clear()
            self._write_all()
            if not self._wake.is_set():
                self._written.set()

    def _write_all(self) -> None:
        try:
            for chunk in self._chunks():
                written = 0
                while written < len(chunk):
                    written += os.write(self._fd, chunk[written:])
        except OSError as error:  # nobody can read the lines any more
            log.debug("lines of the log are lost: %s", error)
        if dropped := self._dropped - self._reported:
            self._reported += dropped
            log.warning("%d lines of the log were dropped: they are not read fast enough", dropped)

    def _chunks(self) -> Iterator[bytes]:
        """Whole lines, together of at most MAX_BYTES; a longer line by itself."""
        chunk = b""
        while self._lines:
            line = self._lines.popleft().encode(errors="backslashreplace") + b"\n"
            if chunk and len(chunk) + len(line) > MAX_BYTES:
                yield chunk
                chunk = b""
            chunk += line
        if chunk:
            yield chunk
