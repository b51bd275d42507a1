"""A child process that ends with this process, even if this process is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

DIE_WITH_PARENT = Path(__file__).with_name("die_with_parent.py")

#: Seconds between SIGTERM and SIGKILL.
STOP_GRACE_S = 5.0

#: The kernel sends the death signal when the *thread* that forked ends. This thread forks every
#: child and lives as long as the process.
_forker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="forker")


class Child:
    """A running process. Its output is appended to `log`.

    It has a session of its own: Ctrl-C reaches the parent only. Raises OSError if the command
    cannot be run.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self._name = Path(command[0]).name
        self.log = log
        wrapped = [sys.executable, "-I", "-S", str(DIE_WITH_PARENT), str(os.getpid()), *command]
        with log.open("ab") as output:
            self._process = _forker.submit(
                subprocess.Popen,
                wrapped,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=cwd,
                start_new_session=True,
            ).result()

    def __repr__(self) -> str:
        code = self._process.returncode
        state = "running" if code is None else f"ended {code}"
        return f"<Child {self._name} pid {self.pid} {state}>"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; the negative signal number if a signal ended it."""
        return self._process.poll()

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait for its end. Raises TimeoutError."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self!r} still runs after {timeout_s} s") from None

    def signal(self, number: int) -> None:
        """Send a signal. Does nothing if the process has ended."""
        self._process.send_signal(number)

    def kill(self) -> int:
        self._process.kill()
        return self._process.wait()

    def stop(self, grace_s: float = STOP_GRACE_S) -> int:
        """Send SIGTERM, and SIGKILL after `grace_s`. Returns the exit code."""
        self._process.terminate()
        try:
            return self.wait(grace_s)
        except TimeoutError:
            return self.kill()

    def last_line(self) -> str:
        """The last line of its output, for error messages."""
        lines = self.log.read_text(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "no output")
