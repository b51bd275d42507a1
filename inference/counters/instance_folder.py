"""The folder that the workers of one instance have in common, and only they."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import shutil
import tempfile
from pathlib import Path

from inference.counters.instance import Instance, SingleWorker, WorkersInFolder
from inference.counters.worker_memory import BYTES, is_locked
from inference.tracebacks import format_error

log = logging.getLogger(__name__)

#: A file system in memory, which every Linux has: a page of it is never written to a disk.
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the folder in it belongs to this user
PREFIX = "triscore"


def join(app: Path) -> Instance:
    """The instance of this process. `app`: the app's folder.

    Its workers are the children of one process, the Functions host. A tool that only inspects the
    app, without a running event loop, is no worker.
    """
    try:
        asyncio.get_running_loop()
        return WorkersInFolder(make_folder(app))
    except RuntimeError:
        pass
    except OSError as error:
        log.warning(
            "the workers of this instance can't share their metrics, so a scrape tells of one"
            " worker: %s",
            format_error(error),
        )
    return SingleWorker()


def make_folder(app: Path, base: Path | None = None) -> Path:
    """Make the folder, and remove those whose processes are gone. Raises OSError."""
    if base is None:
        base = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    host = os.getppid()
    subject = f"{_start_of(host)} {app} {BYTES}"
    name = f"{PREFIX}-{os.getuid()}-{host}-{hashlib.sha256(subject.encode()).hexdigest()[:16]}"
    for folder in base.glob(f"{PREFIX}-{os.getuid()}-*"):
        if folder.name != name and not _is_in_use(folder):
            shutil.rmtree(folder, ignore_errors=True)
    folder = base / name
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user")
    return folder


def _is_in_use(folder: Path) -> bool:
    """Whether its host or one of its workers is alive."""
    try:
        os.kill(int(folder.name.split("-")[2]), 0)
    except ProcessLookupError:
        # A host in another container may not be visible here. A lock is.
        with contextlib.suppress(FileNotFoundError):  # another process removes it
            return any(is_locked(path) for path in folder.glob("worker-*"))
        return False
    except (ValueError, IndexError, PermissionError):
        return True
    return True


def _start_of(pid: int) -> str:
    """When a process started: a later process may have the same id. Empty if unknown."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
