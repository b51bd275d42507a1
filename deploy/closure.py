"""What requirements bring along, told by what is installed here: the rest is not there in Azure."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable

from deploy.pins import Pin, normal

_NEED = re.compile(r"\s*(?P<name>[A-Za-z0-9._-]+)\s*(?:\[(?P<extras>[^\]]*)\])?")
_EXTRA = re.compile(r"extra\s*==\s*['\"](?P<extra>[^'\"]+)['\"]")


def not_brought(pins: Iterable[Pin]) -> dict[str, str]:
    """Top-level modules of this environment that the pins do not bring, each with a pin that would.

    Conditions on platform and Python count as met: a check of what is missing may be lenient.
    """
    brought = _closure(pins)
    missing = {}
    for module, owners in _owners().items():
        if not owners & brought:
            owner = min(owners)
            missing[module] = f"{owner}=={importlib.metadata.version(owner)}"
    return missing


def _owners() -> dict[str, set[str]]:
    """Top-level modules, each with the distributions that it is of.

    As importlib.metadata.packages_distributions() has it, in a sixth of the time.
    """
    owners: dict[str, set[str]] = {}
    for distribution in importlib.metadata.distributions():
        files = (distribution.read_text("RECORD") or "").splitlines()
        for module in {re.split("[/.,]", file, maxsplit=1)[0] for file in files}:
            if module.isidentifier():
                owners.setdefault(module, set()).add(normal(distribution.name))
    return owners


def _closure(pins: Iterable[Pin]) -> set[str]:
    seen: set[tuple[str, str]] = set()
    waiting = [(pin.name, extra) for pin in pins for extra in ("", *pin.extras)]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) not in seen:
            seen.add((name, extra))
            waiting += _needs(name, extra)
    return {name for name, _ in seen}


def _needs(name: str, extra: str) -> list[tuple[str, str]]:
    """Distributions, each with an extra, that one needs: by itself, or for an extra of its."""
    try:
        lines = importlib.metadata.requires(name) or ()
    except importlib.metadata.PackageNotFoundError:
        return []  # it is pinned and not installed here
    needs = []
    for line in lines:
        condition = _EXTRA.search(line)
        if (normal(condition["extra"]) if condition else "") != extra:
            continue
        found = _NEED.match(line)
        if found is not None:
            extras = (normal(each.strip()) for each in (found["extras"] or "").split(","))
            needs += [(normal(found["name"]), each) for each in {"", *extras}]
    return needs
