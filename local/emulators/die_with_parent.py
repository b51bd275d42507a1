"""Runs a command that ends with its parent: `die_with_parent.py PARENT_PID COMMAND…`.

A parent that is killed with -9 cannot stop its children. The kernel can: after PR_SET_PDEATHSIG it
sends the child a signal when the parent dies, also after exec. This script sets it in a process of
its own, because code between fork and exec (`preexec_fn`) can deadlock in a parent with threads.
On other systems than Linux the command just runs, and outlives a killed parent.
"""

from __future__ import annotations

import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def set_death_signal(parent_pid: int) -> None:
    """Ask the kernel for a SIGTERM when the parent dies. Exit if it has died already."""
    import ctypes  # noqa: PLC0415 - needed on Linux only

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM) != 0:
        sys.exit(f"prctl(PR_SET_PDEATHSIG): {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent_pid:
        sys.exit(0)


if __name__ == "__main__":
    if sys.platform == "linux":
        set_death_signal(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - no shell is wanted
