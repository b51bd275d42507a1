"""Says where the app of this folder is served, for commands in other terminals.

.triscore/app.json is there while `make run` is up. A killed one leaves its file behind, but not the
lock of its folder.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from local.emulators.state_folder import Record, StateFolder


@contextlib.contextmanager
def announced(address: str, state: Path) -> Iterator[None]:
    """A block in which `find_address` finds this address."""
    file = _file(state)
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps({"pid": os.getpid(), "address": address}))
    draft.replace(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def find_address(state: Path) -> str | None:
    """Where the app of a folder is served; None if none is, or if this user may not look."""
    try:
        served = json.loads(_file(state).read_bytes())
    except (OSError, ValueError):
        return None
    record = find_stack(state)
    if record is None or record.pid != served["pid"]:
        return None
    address: str = served["address"]
    return address


def find_stack(state: Path) -> Record | None:
    """The emulators that run in a folder; None if none do, or if this user may not look."""
    # Looking takes the lock for a moment: not where nothing was started.
    if not (state / "emulators.json").is_file():
        return None
    try:
        return StateFolder(state).running()
    except OSError:
        return None


def _file(state: Path) -> Path:
    return state / "app.json"
