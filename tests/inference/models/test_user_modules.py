"""Modules beside a script or model go before the app's own packages of the same names."""

import importlib
import pickle
import subprocess
import sys
from pathlib import Path

import joblib
import pytest

import cache
import inference
from inference.models import local_modules, module_lookups, user_modules
from inference.scripts import entry_script, script_digest

ROOT = Path(__file__).resolve().parents[3]
HELPER = "class Clip:\n    limit = {limit}\ndef predict(): return {limit}\n"


@pytest.fixture(autouse=True)
def _app_as_before():
    """Takes back what users' folders changed in the process."""
    modules, path = dict(sys.modules), list(sys.path)
    yield
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]
    sys.path[:] = path
    for module in modules.values():
        if isinstance(vars(module).get("__getattr__"), module_lookups._Lookup):
            del module.__dict__["__getattr__"]
    user_modules._folders.clear()
    module_lookups._packages.clear()
    module_lookups._shared.clear()


def load(folder: Path, script: str):
    (folder / "score.py").write_text(f"{script}\ndef init(): ...\n")
    return entry_script.load(folder / "score.py").run


NAMES = ["inference", "triggers", "cache", "deploy", "local", "cli"]


@pytest.mark.parametrize("name", [*NAMES, "host", "function_app", "bench", "triscore_client"])
@pytest.mark.parametrize("package", [True, False])
def test_the_module_beside_the_script_is_imported(tmp_path, name, package):
    file = tmp_path / name / "__init__.py" if package else tmp_path / f"{name}.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(HELPER.format(limit=7))
    run = load(tmp_path, f"from {name} import predict\ndef run(data): return predict()")
    assert run("x") == 7


@pytest.mark.parametrize(
    "statements",
    [
        "import inference",
        "import inference.steps; assert inference.steps.STEP == 1",
        "import inference.steps as steps; assert steps.STEP == 1",
        "from inference import steps; assert steps.STEP == 1",
        "from inference.models import M; assert M == 2",
        "import inference.models; assert inference.models.M == 2",
        "inference = __import__('inference')",
        "import importlib; assert importlib.import_module('inference').predict() == 7",
        "import importlib; assert importlib.import_module('inference.steps').STEP == 1",
    ],
)
def test_however_it_is_imported_also_while_run_runs(tmp_path, statements):
    (tmp_path / "inference").mkdir()
    helper = "from .steps import STEP\nfrom inference.models import M\n" + HELPER.format(limit=7)
    (tmp_path / "inference/__init__.py").write_text(helper)
    (tmp_path / "inference/steps.py").write_text("STEP = 1\n")
    (tmp_path / "inference/models.py").write_text("M = 2\n")
    body = statements.replace("; ", "\n    ")
    run = load(tmp_path, f"def run(data):\n    {body}\n    import inference\n    return inference")
    assert run("x").predict() == 7


def test_a_package_without_init_file_is_one_but_a_folder_of_data_is_not(tmp_path):
    (tmp_path / "inference").mkdir()
    (tmp_path / "cache").mkdir()
    (tmp_path / "inference/steps.py").write_text("STEP = 1\n")
    (tmp_path / "cache/rows.csv").write_text("1\n")
    run = load(
        tmp_path,
        "from inference.steps import STEP\ndef run(data):\n    import cache\n    return cache",
    )
    assert run("x") is cache


def test_modules_of_the_folder_find_each_other(tmp_path):
    (tmp_path / "helper.py").write_text("from cache import limit\nN = limit()\n")
    (tmp_path / "cache.py").write_text("def limit():\n    from local import L\n    return L\n")
    (tmp_path / "local.py").write_text("L = 9\n")
    assert load(tmp_path, "import helper\ndef run(data): return helper.N")("x") == 9


def test_the_app_keeps_its_own(tmp_path):
    (tmp_path / "inference.py").write_text("results = scripts = 'mine'\n")
    load(tmp_path, "import inference\ndef run(data): ...")
    assert sys.modules["inference"] is inference
    names = [name for name in sys.modules if name.startswith("inference.results")]
    for name in names:
        del sys.modules[name]
    vars(inference).pop("results", None)
    from inference.results import result_document

    assert "models" in dir(inference)
    assert result_document.__name__ == "inference.results.result_document"
    with pytest.raises(AttributeError, match="module 'inference' has no attribute 'nothing'"):
        inference.nothing  # noqa: B018 - looked up


@pytest.mark.parametrize("name", [
    "inference", "inference.steps", "inference.models", "deploy", "function_app",
])  # fmt: skip
@pytest.mark.parametrize("module", [pickle, joblib])
def test_a_pickle_may_name_a_class_of_it(tmp_path, name, module):
    training, file = tmp_path / "training", tmp_path / "model" / "model.pkl"
    file.parent.mkdir()
    for folder in (training, file.parent):
        place = folder / f"{name.replace('.', '/')}.py"
        place.parent.mkdir(parents=True, exist_ok=True)
        if "." in name:
            (place.parent / "__init__.py").write_text("")
        place.write_text(HELPER.format(limit=7))
    code = (
        f"import pickle, sys; sys.path.insert(0, '.'); from {name} import Clip\n"
        f"with open({str(file)!r}, 'wb') as opened: pickle.dump(Clip(), opened)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=training, check=True, timeout=60)
    local_modules.make_importable(file)
    with file.open("rb") as opened:
        assert module.load(opened).limit == 7
    # And in the script's own frames, from which the C unpickler imports.
    run = load(
        file.parent,
        f"import pickle, joblib\nfrom {name} import Clip\ndef run(data):\n"
        f"    with open(data, 'rb') as opened: loaded = {module.__name__}.load(opened)\n"
        "    assert type(loaded) is Clip\n"
        "    return pickle.loads(pickle.dumps(loaded)).limit",
    )
    assert run(str(file)) == 7


@pytest.mark.parametrize("name", ["function_app", "cli", "local.host.__main__"])
def test_no_module_of_the_app_is_imported_for_it(tmp_path, name):
    place = tmp_path / f"{name.replace('.', '/')}.py"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("raise RuntimeError\n")
    code = (
        "import os, sys; from pathlib import Path; from inference.models import local_modules\n"
        f"before = dict(os.environ); local_modules.make_importable(Path({str(tmp_path / 'm')!r}))\n"
        f"assert {name!r} not in sys.modules and 'azure.functions' not in sys.modules\n"
        "assert dict(os.environ) == before"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)


def test_types_that_look_their_module_up_find_it(tmp_path):
    (tmp_path / "inference.py").write_text(
        "from __future__ import annotations\nimport dataclasses, typing\n"
        "class Other: ...\n"
        "@dataclasses.dataclass\nclass Row:\n    other: Other\n    N: typing.ClassVar[int] = 1\n"
    )
    run = load(
        tmp_path,
        "import typing\nfrom inference import Row, Other\ndef run(data):\n"
        "    assert typing.get_type_hints(Row)['other'] is Other\n    return Row(Other()).N",
    )
    assert run("x") == 1


def test_a_name_that_is_missing_there_is_named_as_the_script_wrote_it(tmp_path):
    (tmp_path / "inference").mkdir()
    (tmp_path / "inference/__init__.py").write_text("")
    with pytest.raises(
        ModuleNotFoundError, match=r"^No module named 'inference\.absent'"
    ) as raised:
        load(tmp_path, "import inference.absent\ndef run(data): ...")
    assert raised.value.name == "inference.absent"


def test_an_installed_package_and_pythons_own_go_before_it_as_in_azure_mls_server(tmp_path):
    for name in ("json", "numpy"):
        (tmp_path / f"{name}.py").write_text("MINE = True\n")
    run = load(
        tmp_path, "import json, numpy\ndef run(data): return json.loads(data), numpy.__name__"
    )
    assert run("[1]") == ([1], "numpy")


def test_a_script_in_the_apps_folder_uses_the_apps_packages(monkeypatch):
    assert user_modules.find_own("inference", ROOT) is None
    folder = user_modules.add(ROOT)
    assert not folder.app_names()
    assert not folder.covers(str(ROOT / "inference/models"))
    assert folder.covers(str(ROOT / "examples"))
    assert not folder.covers(str(ROOT / "x/site-packages/numpy"))


def test_the_folder_that_comes_last_is_searched_first(tmp_path):
    for number, name in enumerate(["one", "two"]):
        (tmp_path / name).mkdir()
        (tmp_path / name / "parts_of_mine.py").write_text(f"N = {number}\n")
        local_modules.make_importable(tmp_path / name / "model.pkl")
        assert number == importlib.import_module("parts_of_mine").N


def test_a_script_that_is_loaded_again_gets_its_modules_anew(tmp_path):
    for number in (1, 2):
        (tmp_path / "inference.py").write_text(f"N = {number}\n# {'x' * number}\n")
        assert load(tmp_path, "from inference import N\ndef run(data): return N")("x") == number


def test_it_is_in_the_scripts_key(tmp_path):
    script = tmp_path / "score.py"
    script.write_text("from inference import predict\ndef init(): ...\ndef run(data): ...\n")
    before = script_digest.digest(script, b"")
    (tmp_path / "inference.py").write_text(HELPER.format(limit=1))
    first = script_digest.digest(script, b"")
    (tmp_path / "inference.py").write_text(HELPER.format(limit=2))
    assert len({before, first, script_digest.digest(script, b"")}) == 3


def test_another_thread_that_renews_the_finders_at_the_same_time_does_no_harm(
    tmp_path, monkeypatch
):
    relative = [KeyError("relative"), None]

    def invalidate():
        if (error := relative.pop(0)) is not None:
            raise error

    monkeypatch.setattr(importlib, "invalidate_caches", invalidate)
    assert load(tmp_path, "def run(): return 5")() == 5
    assert relative == []
