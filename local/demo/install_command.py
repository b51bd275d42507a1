"""Runs the commands of the set-up. Their output is kept in .triscore/logs/install.log."""

from __future__ import annotations

import subprocess
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".triscore"

#: The last lines of a failed command's output, in which its error is looked for.
TAIL = 40

#: Shows a line of a command's output.
Report = Callable[[str], None]


class InstallError(Exception):
    """Something could not be installed. The message says what to do."""


def run(
    command: Sequence[str],
    what: str,
    hint: str,
    report: Report,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run a command and report each line of output. Raises InstallError."""
    log = STATE / "logs" / "install.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    tail: deque[str] = deque(maxlen=TAIL)
    with (
        log.open("a") as kept,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=env,
        ) as process,
    ):
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        for line in process.stdout:
            kept.write(line)
            if line.strip():
                tail.append(line.strip())
                report(line.strip())
    if process.returncode:
        reason = _reason(tail)
        raise InstallError(
            f"{what} could not be installed: {reason.rstrip('.')}. {hint} "
            f"Full output: {log.relative_to(ROOT)}"
        )


def _reason(tail: Iterable[str]) -> str:
    """The first line with the word error, or else the last line."""
    lines = list(tail)
    errors = [line for line in lines if "error" in line.lower() and len(line) > len("npm error")]
    return (errors or lines[-1:] or ["no output"])[0]
