"""How much memory the instance has: what its container allows, or the machine has."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

#: Where the kernel tells what control groups allow, and in which of them this process is.
_ROOT, _OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def memory_limit_bytes(limits: Iterable[Path] | None = None) -> int:
    """The least of what limits it. Groups without a limit say `max`, or a number beyond any."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(
        [physical, *filter(None, map(_read_limit, _limit_files() if limits is None else limits))]
    )


def cgroup_limits(own: str, root: Path) -> list[Path]:
    """The limits of a group of version 2 and of those around it. `own`: a /proc/self/cgroup."""
    paths = [line.removeprefix("0::/") for line in own.splitlines() if line.startswith("0::/")]
    groups = [group for path in paths for group in ((root / path), *(root / path).parents)]
    return [group / "memory.max" for group in groups if group.is_relative_to(root)]


def _limit_files() -> list[Path]:
    version_1 = _ROOT / "memory/memory.limit_in_bytes"
    try:
        own = _OWN.read_text()
    except OSError:  # another system
        own = ""
    return [_ROOT / "memory.max", version_1, *cgroup_limits(own, _ROOT)]


def _read_limit(file: Path) -> int | None:
    try:
        text = file.read_text().strip()
    except OSError:  # another system, or another version of control groups
        return None
    return int(text) if text.isdecimal() else None
