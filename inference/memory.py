"""How much memory the instance has: what its container allows, or the machine has."""

from __future__ import annotations

import os
from pathlib import Path

#: Where the kernel tells what control groups allow: version 2, then version 1.
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def instance_bytes(limits: tuple[str, ...] = _LIMITS) -> int:
    """The least of what limits it. Groups without a limit say `max`, or a number beyond any."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([physical, *filter(None, map(_told, limits))])


def _told(file: str) -> int | None:
    try:
        text = Path(file).read_text().strip()
    except OSError:  # another system, or another version of control groups
        return None
    return int(text) if text.isdecimal() else None
