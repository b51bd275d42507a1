"""The packages that requirements install with their dependencies, by what is installed here."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable

from deploy.pins import Pin, normalize_name

_NEED = re.compile(r"\s*(?P<name>[A-Za-z0-9._-]+)\s*(?:\[(?P<extras>[^\]]*)\])?")
_EXTRA = re.compile(r"extra\s*==\s*['\"](?P<extra>[^'\"]+)['\"]")


def missing_modules(pins: Iterable[Pin]) -> dict[str, str]:
    """Top-level modules of this environment that the pins do not install, each with a pin for it.

    Environment markers count as met: a module may be missing in Azure and not be reported.
    """
    installed = _closure(pins)
    missing = {}
    for module, owners in _owners().items():
        if not owners & installed:
            owner = min(owners)
            missing[module] = f"{owner}=={importlib.metadata.version(owner)}"
    return missing


def _owners() -> dict[str, set[str]]:
    """Top-level modules, each with its distributions.

    The same as importlib.metadata.packages_distributions(), in a sixth of the time.
    """
    owners: dict[str, set[str]] = {}
    for distribution in importlib.metadata.distributions():
        files = (distribution.read_text("RECORD") or "").splitlines()
        for module in {re.split("[/.,]", file, maxsplit=1)[0] for file in files}:
            if module.isidentifier():
                owners.setdefault(module, set()).add(normalize_name(distribution.name))
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
    """The dependencies of a distribution or of one of its extras, each with the extra it needs."""
    try:
        lines = importlib.metadata.requires(name) or ()
    except importlib.metadata.PackageNotFoundError:
        return []  # it is not installed here
    needs = []
    for line in lines:
        condition = _EXTRA.search(line)
        if (normalize_name(condition["extra"]) if condition else "") != extra:
            continue
        found = _NEED.match(line)
        if found is not None:
            extras = (normalize_name(each.strip()) for each in (found["extras"] or "").split(","))
            needs += [(normalize_name(found["name"]), each) for each in {"", *extras}]
    return needs
