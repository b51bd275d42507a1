"""A script's cache key names all the code that decides an answer."""

import importlib.metadata
import os
import sys
from unittest.mock import Mock

import joblib
import pytest
from sklearn.linear_model import Ridge

from cache.memory_cache import MemoryCache
from inference.models import package_versions
from inference.scripts import data_files, script_digest
from inference.scripts.user_script import UserScript

SCRIPT = """
import json
import prices
def init(): pass
def run(data): return prices.of(json.loads(data))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a script and one module beside it; both are forgotten after the test."""
    (tmp_path / "score.py").write_text(SCRIPT)
    (tmp_path / "prices.py").write_text("def of(data): return data['x'] * 2\n")
    known, path = set(sys.modules), list(sys.path)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - known:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def digest(folder) -> bytes:
    return digest_of(folder / "score.py")


def digest_of(script, model_dir=None) -> bytes:
    return script_digest.digest(script, data_files.digest(script.parent, model_dir))


def changed(folder, name: str, text: str) -> bool:
    """Whether a file decides the digest."""
    before, file = digest(folder), folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return digest(folder) != before


def test_a_module_that_the_script_imports_decides(folder):
    assert changed(folder, "prices.py", "import rates\ndef of(data): return rates.rate\n")
    assert changed(folder, "rates.py", "rate = 1\n")
    assert changed(folder, "rates.py", "rate = 2\n")


def test_other_code_beside_the_script_does_not(folder):
    assert not changed(folder, "train.py", "")
    assert not changed(folder, "json.py", "")  # Python's own is imported
    assert not changed(folder, ".venv/prices.py", "")


def test_a_data_file_beside_the_script_decides(folder):
    assert changed(folder, "rates.csv", "a,1\n")
    assert changed(folder, "rates.csv", "a,2\n")
    assert changed(folder, "tables/deep/rates.json", "[1]")
    assert not changed(folder, "run.log", "started")
    assert not changed(folder, ".cache/rates.csv", "")
    assert not changed(folder, "__pycache__/prices.cpython-313.pyc", "")
    (folder / "gone.csv").symlink_to(folder / "nowhere.csv")
    digest(folder)


def test_a_large_data_file_decides_by_its_size_and_time(folder, monkeypatch):
    monkeypatch.setattr(data_files, "MAX_READ_BYTES", 8)
    assert changed(folder, "rates.csv", "a,1\nb,2\nc,3\n")
    assert changed(folder, "rates.csv", "a,1\nb,2\nc,4\n")
    before = digest(folder)
    os.utime(folder / "rates.csv", ns=(1, 1))
    assert digest(folder) != before


def test_data_files_of_the_models_folder_count_once(folder):
    """The cache key has a digest of that folder of its own."""
    script, model = folder / "score.py", folder / "model"
    model.mkdir()
    before = digest_of(script, model)
    (model / "rates.csv").write_text("a,1\n")
    assert digest_of(script, model) == before
    (folder / "rates.csv").write_text("a,1\n")
    assert digest_of(script, folder) == before
    assert digest_of(script, model) != before


def test_data_files_are_read_once_for_a_script_and_decide_its_key(folder, monkeypatch):
    (folder / "rates.csv").write_text("a,1\n")
    monkeypatch.setattr(data_files, "digest", Mock(wraps=data_files.digest))
    script = UserScript(folder / "score.py", folder / "model")
    script.load()
    assert data_files.digest.call_count == 1
    (folder / "rates.csv").write_text("a,2\n")
    assert UserScript(folder / "score.py", folder / "model").digest != script.digest


async def test_changed_data_beside_a_script_are_not_answered_from_the_cache(
    tmp_path, folder, make_scorer, request_of
):
    model = tmp_path / "model"
    model.mkdir()
    (folder / "score.py").write_text(
        "from pathlib import Path\n"
        "def init():\n    global rate\n"
        "    rate = float((Path(__file__).parent / 'tables' / 'rate.txt').read_text())\n"
        "def run(data): return rate\n"
    )
    (folder / "tables").mkdir()
    store = MemoryCache()

    async def ask(rate):
        (folder / "tables" / "rate.txt").write_text(rate)
        scorer = make_scorer(model, store, AZUREML_ENTRY_SCRIPT="../score.py")
        answer = await scorer.score(request_of(b'{"x": 3}'))
        return answer.body, answer.cache

    assert await ask("1") == (b"1.0", "miss")
    assert await ask("1") == (b"1.0", "hit")
    assert await ask("2") == (b"2.0", "miss")


@pytest.mark.parametrize(
    "statement",
    [
        "import steps",
        "import steps.first as s",
        "from steps import first",
        "from steps.first import f",
        "def late():\n    import steps",
        "try:\n    import steps\nexcept ImportError: pass",
    ],
)
def test_every_module_of_an_imported_package_decides(folder, statement):
    (folder / "score.py").write_text(f"{SCRIPT}\n{statement}\n")
    assert changed(folder, "steps/__init__.py", "")
    assert changed(folder, "steps/first.py", "def f(): pass")
    assert changed(folder, "steps/deep/second.py", "from . import third")


def test_the_version_of_what_only_a_package_imports_decides(folder, monkeypatch):
    (folder / "score.py").write_text("import sklearn\n" + SCRIPT)
    before = digest(folder)
    versions = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata, "version", lambda name: "0" if name == "scipy" else versions(name)
    )
    assert digest(folder) != before
    (folder / "score.py").write_text(SCRIPT)
    found = package_versions.with_requirements(["scikit-learn", "not-installed-at-all"])
    assert {"joblib", "numpy", "scikit-learn", "scipy", "threadpoolctl"} <= found.keys()
    assert "not-installed-at-all" not in found


def test_a_module_named_as_an_installed_package_is_not_the_one_that_is_imported(folder):
    (folder / "score.py").write_text("import numpy\n" + SCRIPT)
    assert not changed(folder, "numpy.py", "")


def test_the_versions_of_imported_packages_decide(folder, monkeypatch):
    (folder / "score.py").write_text("import sklearn, joblib\n" + SCRIPT)
    before = digest(folder)

    def version(name):
        return "99" if name == "scikit-learn" else importlib.metadata.version(name)

    monkeypatch.setattr(package_versions, "installed_version", version)
    assert digest(folder) != before
    (folder / "score.py").write_text(SCRIPT)
    without = digest(folder)
    monkeypatch.undo()
    assert digest(folder) == without


def test_code_that_is_no_python_has_a_digest_and_is_refused_by_loading_it(folder):
    assert changed(folder, "score.py", "def init(:\n")


async def test_once_loaded_modules_with_computed_names_decide(folder, make_scorer, request_of):
    code = "import importlib\nrates = importlib.import_module('ra' + 'tes')\n"
    (folder / "score.py").write_text(code + SCRIPT)
    (folder / "rates.py").write_text("rate = 1\n")
    before = digest(folder)
    await make_scorer(folder).score(request_of(b'{"x": 1}'))
    loaded = digest(folder)
    assert loaded != before
    assert changed(folder, "rates.py", "rate = 2\n")


async def test_once_loaded_the_package_of_a_global_decides(folder, make_scorer, request_of):
    code = "import joblib\nmodel = joblib.load(__file__.replace('score.py', 'm.pkl'))\n"
    joblib.dump(Ridge(), folder / "m.pkl")
    (folder / "score.py").write_text(code + SCRIPT)
    before = digest(folder)
    await make_scorer(folder).score(request_of(b'{"x": 1}'))
    assert digest(folder) != before


async def test_a_helper_elsewhere_that_changes_is_not_answered_from_the_cache(
    tmp_path, folder, make_scorer, request_of
):
    """The script lies outside the model's folder; its helper lies beside it."""
    model = tmp_path / "model"
    model.mkdir()
    store = MemoryCache()

    async def ask():
        scorer = make_scorer(model, store, AZUREML_ENTRY_SCRIPT="../score.py")
        return await scorer.score(request_of(b'{"x": 3}'))

    first = await ask()
    assert (first.body, first.cache) == (b"6", "miss")
    assert (await ask()).cache == "hit"
    (folder / "prices.py").write_text("def of(data): return data['x'] * 300\n")
    second = await ask()
    assert (second.body, second.cache) == (b"900", "miss")
