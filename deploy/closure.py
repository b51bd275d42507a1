"""The packages that requirements install with their dependencies, by what is installed here."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Container, Iterable

from deploy.pins import Pin, normalize_name

_NEED = re.compile(r"\s*(?P<name>[A-Za-z0-9._-]+)\s*(?:\[(?P<extras>[^\]]*)\])?")
_TOP_END = re.compile("[/.,]")
#: The endings of files that are modules.
_CODE = (".py", ".so", ".pyd")
_EXTRA = re.compile(r"extra\s*==\s*['\"](?P<extra>[^'\"]+)['\"]")


def missing_modules(pins: Iterable[Pin]) -> dict[str, str]:
    """Modules of this environment that the pins do not install, each with a pin for it.

    A module is judged by its files: `azure` may be installed, and `azure.keyvault` not. Only the
    first part of a name that is missing is named. Environment markers count as met: a module may be
    missing in Azure and not be reported.
    """
    wanted = _closure(pins)
    installed, others = _Modules(), _Modules()
    for distribution in importlib.metadata.distributions():
        name = normalize_name(distribution.name)
        files = (distribution.read_text("RECORD") or "").splitlines()
        (installed if name in wanted else others).add(name, files)
    provided = installed.below(others.top.keys() & installed.top.keys())
    missing = {
        module: owners
        for module, owners in others.below(installed.top).items()
        if module not in provided and _parent(module) in provided
    }
    missing |= {top: own for top, own in others.top.items() if top not in installed.top}
    return {
        module: f"{min(owners)}=={importlib.metadata.version(min(owners))}"
        for module, owners in missing.items()
    }


class _Modules:
    """The modules in the files of distributions."""

    def __init__(self) -> None:
        #: The distributions of each top-level name.
        self.top: dict[str, set[str]] = {}
        self._files: list[tuple[str, list[str]]] = []

    def add(self, distribution: str, files: list[str]) -> None:
        for top in {_TOP_END.split(file, maxsplit=1)[0] for file in files}:
            if top.isidentifier():
                self.top.setdefault(top, set()).add(distribution)
        self._files.append((distribution, files))

    def below(self, tops: Container[str]) -> dict[str, set[str]]:
        """All modules, by their dotted names, below some top-level names, and these names, with
        their distributions.
        """
        found: dict[str, set[str]] = {}
        for distribution, lines in self._files:
            for line in lines:
                path = line.partition(",")[0]
                parts = path.split("/")
                if parts[0] in tops and path.endswith(_CODE):
                    stem = parts.pop().partition(".")[0]
                    parts += [stem] if stem != "__init__" else []
                    for depth in range(1, len(parts) + 1):
                        found.setdefault(".".join(parts[:depth]), set()).add(distribution)
        return found


def _parent(module: str) -> str:
    return module.rpartition(".")[0]


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
