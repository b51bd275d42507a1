"""Which package may import which."""

import ast
import importlib.metadata
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {
    "inference",
    "cache",
    "triggers",
    "local",
    "deploy",
    "cli",
    "triscore_client",
    "tests",
    "bench",
    "function_app",
}
MAY = {
    "inference": set(),
    "cache": set(),
    "triggers": {"inference"},
    "function_app": {"triggers", "inference", "cache"},
    "local": set(),
    "deploy": {"inference"},
    "triscore_client": set(),
    "cli": ROOMS - {"tests", "function_app"},
}
#: These read the settings of every package, and connect to Redis as the cache does.
WHOLE_APP = {
    *(ROOT / "deploy" / name for name in ("doctor", "requeue", "app_settings.py", "connections.py"))
}
MAY_WHOLE_APP = {"inference", "cache", "triggers"}


def modules(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py")) or [ROOT / f"{room}.py"]


def imported(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports name their package"
            names.add(str(node.module))
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("room", MAY)
def test_a_room_imports_only_what_its_arrows_allow(room):
    for file in modules(room):
        may = MAY_WHOLE_APP if WHOLE_APP & {file, *file.parents} else MAY[room]
        assert (imported(file) & ROOMS) - {room} <= may, file


@pytest.mark.parametrize(
    ("room", "foreign"),
    [
        ("inference", {"azure", "azurefunctions", "redis"}),
        ("cache", {"azure", "azurefunctions", "numpy", "sklearn"}),
        ("triggers", {"redis", "sklearn", "joblib", "numpy"}),
    ],
)
def test_a_room_knows_nothing_of_what_lies_beyond_its_seam(room, foreign):
    for file in modules(room):
        assert not imported(file) & foreign, file


def test_nothing_that_goes_to_azure_reads_the_local_stand_ins():
    for file in (*(ROOT / "infra").rglob("*"), *(ROOT / "deploy").rglob("*")):
        if file.is_file() and file.suffix != ".pyc":
            assert "local/" not in file.read_text(), file


def test_only_the_composition_root_reads_the_environment():
    for room in ("inference", "cache", "triggers"):
        for file in modules(room):
            assert "os.environ" not in file.read_text(), file
            assert "getenv" not in file.read_text(), file


def test_the_composition_root_stays_under_60_lines():
    assert len((ROOT / "function_app.py").read_text().splitlines()) < 60


def test_no_module_passes_300_lines():
    for room in ROOMS - {"bench", "tests"}:
        for file in modules(room):
            assert len(file.read_text().splitlines()) <= 300, file


def test_no_room_is_named_like_a_module_of_python():
    for room in ROOMS:
        for file in modules(room):
            assert file.stem not in sys.stdlib_module_names or file.stem.startswith("__"), file


def test_our_packages_are_the_ones_that_are_imported():
    # In some plans installed packages come first: a wheel called `cache` would shadow ours.
    for room in MAY:
        found = importlib.util.find_spec(room)
        assert found is not None
        assert ROOT in Path(str(found.origin)).parents, found


def test_the_app_needs_no_pandas_and_nothing_of_the_local_host():
    code = (
        "import sys, function_app\n"
        "print('pandas' in sys.modules, 'httptools' in sys.modules, 'local' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.split() == ["False", "False", "False"]


def test_what_azure_installs_brings_no_pandas_along():
    brought: set[str] = set()
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    names = [line.partition("==")[0] for line in lines if line and not line.startswith("#")]
    while names:
        name = names.pop().lower()
        if name not in brought:
            brought.add(name)
            needs = importlib.metadata.requires(name) or ()
            names += [re.split("[^A-Za-z0-9._-]", need)[0] for need in needs if ";" not in need]
    assert "scikit-learn" in brought
    assert not brought & {"pandas", "onnxruntime", "skops"}
