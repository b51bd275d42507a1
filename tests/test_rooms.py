"""The rooms within a package: which may import which, and how large a module is."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

#: A room may import those named here, and the modules that lie beside it: the ground floor.
ARROWS: dict[str, dict[str, set[str]]] = {
    "inference": {
        "counters": set(),
        "tracing": set(),
        "rows": set(),
        "models": {"rows"},
        "scripts": {"models", "rows"},
        "results": {"models", "rows"},
        "description": {"scripts", "models", "rows"},
        "serving": {"counters", "scripts", "models", "rows", "tracing"},
        "open_inference": {"serving", "counters", "scripts", "models", "rows"},
    },
    "triggers": {
        "connections": set(),
        "storage": set(),
        "delivery": {"connections", "storage"},
        "description": set(),
        "console": {"blob_trigger", "connections", "storage"},
        "http_trigger": {"description", "delivery"},
        "blob_trigger": {"delivery", "storage"},
        "service_bus_trigger": {"delivery", "storage"},
    },
}
ROOMS = [(package, room) for package, rooms in ARROWS.items() for room in rooms]

#: No name twice within one of these.
SUBTREES = (
    *("inference", "triggers", "cache", "deploy", "cli"),
    *("local/host", "local/emulators", "local/demo"),
)
RECUR = {"__init__", "__main__", "settings", "errors"}

#: Shorter than 25 lines, each for its reason.
SHORT = {
    "local/emulators/servicebus/broker/settings.py",  # the settings of one queue
}


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports(file: Path, package: str) -> Iterator[str]:
    """The modules of the package that a file imports, by their dotted names."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == package:
            for alias in node.names:
                yield f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith(package))


@pytest.mark.parametrize(("package", "room"), ROOMS)
def test_a_room_imports_only_rooms_below_it(package: str, room: str) -> None:
    may = {room} | ARROWS[package][room]
    for file in modules(f"{package}/{room}"):
        for name in imports(file, package):
            target = name.split(".")[1]
            assert target not in ARROWS[package] or target in may, f"{file}: {name}"


@pytest.mark.parametrize("package", ARROWS)
def test_the_ground_floor_imports_no_room(package: str) -> None:
    for file in (ROOT / package).glob("*.py"):
        for name in imports(file, package):
            assert name.split(".")[1] not in ARROWS[package], f"{file}: {name}"


@pytest.mark.parametrize("package", ARROWS)
def test_every_folder_of_a_package_is_a_room(package: str) -> None:
    folders = {path.parent.name for path in (ROOT / package).glob("*/*.py")}
    assert folders == set(ARROWS[package])


@pytest.mark.parametrize("subtree", SUBTREES)
def test_no_module_has_the_name_of_another_in_its_subtree(subtree: str) -> None:
    names = Counter(file.stem for file in modules(subtree))
    assert {name for name, count in names.items() if count > 1} - RECUR == set()


@pytest.mark.parametrize("subtree", SUBTREES)
def test_a_module_has_25_to_300_lines(subtree: str) -> None:
    for file in modules(subtree):
        lines = len(file.read_text().splitlines())
        assert lines <= 300, file
        free = file.stem in RECUR or str(file.relative_to(ROOT)) in SHORT
        assert lines >= 25 or free, f"{file} has {lines} lines"


def test_the_tests_mirror_the_rooms() -> None:
    for package, room in ROOMS:
        assert list((ROOT / "tests" / package / room).glob("test_*.py")), f"{package}/{room}"
    for part in ("host", "emulators", "demo"):
        assert list((ROOT / "tests/local" / part).glob("test_*.py")), part
