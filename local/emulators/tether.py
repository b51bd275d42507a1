"""Runs a command that ends with its parent: `python -I -S tether.py PARENT_PID COMMAND…`.

A parent that is killed with -9 cannot stop its children, so the kernel does: PR_SET_PDEATHSIG
sends a signal when the parent dies, and outlives exec. It is set here, in a process of its own,
because code between fork and exec (`preexec_fn`) can deadlock in a parent that has threads.
Elsewhere than on Linux the command simply runs, and a killed parent leaves it behind.
"""

from __future__ import annotations

import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def tie_to(parent_pid: int) -> None:
    """Ask the kernel for a SIGTERM when the parent dies; exit where that has happened already."""
    import ctypes  # noqa: PLC0415 - needed on Linux only

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM) != 0:
        sys.exit(f"prctl(PR_SET_PDEATHSIG): {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent_pid:
        sys.exit(0)


if __name__ == "__main__":
    if sys.platform == "linux":
        tie_to(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - no shell is wanted
