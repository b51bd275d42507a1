"""The memory of this instance: what its container allows, or what the machine has."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

#: Linux lists the limits of control groups here, and the group of this process there.
_ROOT, _OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def memory_limit_bytes(limits: Iterable[Path] | None = None) -> int:
    """The smallest limit. A group without one says `max`, or a number beyond any memory."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    files = _limit_files() if limits is None else limits
    return min([physical, *filter(None, map(_read_limit, files))])


def cgroup_limits(own: str, root: Path) -> list[Path]:
    """Limit files of a version 2 group and its parents. `own`: the text of /proc/self/cgroup."""
    paths = [line.removeprefix("0::/") for line in own.splitlines() if line.startswith("0::/")]
    groups = [group for path in paths for group in ((root / path), *(root / path).parents)]
    return [group / "memory.max" for group in groups if group.is_relative_to(root)]


def _limit_files() -> list[Path]:
    version_1 = _ROOT / "memory/memory.limit_in_bytes"
    try:
        own = _OWN.read_text()
    except OSError:  # not Linux
        own = ""
    return [_ROOT / "memory.max", version_1, *cgroup_limits(own, _ROOT)]


def _read_limit(file: Path) -> int | None:
    try:
        text = file.read_text().strip()
    except OSError:  # not Linux, or the other version of control groups
        return None
    return int(text) if text.isdecimal() else None
