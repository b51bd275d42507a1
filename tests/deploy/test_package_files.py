"""What a package takes of a model's folder, and what its requirements do not install."""

from pathlib import Path

import pytest

import deploy
from deploy import closure, own_files, pins, script_needs
from deploy.errors import Refused
from tests import small_model

SCRIPT = "def init(): pass\ndef run(data): return [data]\n"
#: Files that no package has, with what leaves them out as a note names it.
NEVER = {
    ".git/config": ".git/",
    ".venv/pyvenv.cfg": ".venv/",
    ".env": ".env",
    "venv/lib/x.py": "venv/",
    "env/pyvenv.cfg": "env/",
    "conda/conda-meta/history": "conda/",
    "node_modules/x.js": "node_modules/",
    "deep/.ipynb_checkpoints/a.ipynb": "deep/.ipynb_checkpoints/",
    "local.settings.json": "local.settings.json",
    "deep/local.settings.json": "deep/local.settings.json",
    ".mypy_cache/x.json": ".mypy_cache/",
    "old.pyc": "old.pyc",
}


def write(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("KEY\n")
    return folder


def test_what_belongs_in_no_package_is_left_out_and_named(tmp_path):
    write(tmp_path, *NEVER, "__pycache__/x.pyc", "deep/data.csv", "settings.txt")
    (tmp_path / ".funcignore").write_text("!local.settings.json\n!venv/\n")
    found = own_files.find(tmp_path)
    assert list(found.files) == ["deep/data.csv", "settings.txt"]
    assert set(found.left_out[""]) == set(NEVER.values())
    (note,) = found.notes()
    assert note.startswith("left out, as it belongs in no package: ")
    assert note.endswith(" and 4 more")


@pytest.mark.parametrize("name", own_files.IGNORE_FILES)
def test_ignore_files_have_the_syntax_of_git(tmp_path, name):
    write(tmp_path, "a.csv", "keep.csv", "deep/b.csv", "data/c.txt", "x/data/d.txt", "e f.txt")
    lines = ["\ufeff# raw data", "*.csv", "!keep.csv", "/data/", r"e\ f.txt", "**/nothing", ""]
    (tmp_path / name).write_text("\r\n".join(lines), encoding="utf-8")
    found = own_files.find(tmp_path)
    assert list(found.files) == ["keep.csv", "x/data/d.txt"]
    assert found.notes() == [f"left out by {name}: data/, a.csv, e f.txt, deep/b.csv"]


def test_a_package_has_none_of_them_and_says_so(tmp_path):
    folder = write(tmp_path / "echo", "local.settings.json", ".venv/x.py", "notes.md", "data.csv")
    (folder / "score.py").write_text(SCRIPT)
    (folder / ".amlignore").write_text("*.md\n")
    made = deploy.package(folder, trigger="http", output=tmp_path / "app")
    files = {
        file.relative_to(tmp_path / "app/models/echo").as_posix()
        for file in (tmp_path / "app/models/echo").rglob("*")
    }
    assert files == {"score.py", "data.csv"}
    assert "left out, as it belongs in no package: .venv/, local.settings.json" in made.notes
    assert "left out by .amlignore: notes.md" in made.notes


@pytest.mark.parametrize("needed", ["score.py", "triscore.json", "model.joblib"])
def test_an_ignore_file_may_not_leave_out_what_is_needed(tmp_path, needed):
    folder = tmp_path / "scripted"
    if needed == "score.py":
        write(folder, needed)
    else:
        folder = small_model.save(tmp_path)
    (folder / ".funcignore").write_text(f"{needed}\n")
    with pytest.raises(Refused, match=rf"{needed} is needed, and \.funcignore leaves it out"):
        deploy.package(folder, trigger="http", output=tmp_path / "app")


def test_a_namespace_package_is_judged_by_its_files(tmp_path):
    file = tmp_path / "requirements.txt"
    file.write_text("azure-storage-blob==12.31.1\nazure-functions==2.3.0\n")
    missing = closure.missing_modules(pins.read(file))
    assert missing["azure.storage.queue"].startswith("azure-storage-queue==")
    assert missing["azure.servicebus"].startswith("azure-servicebus==")
    assert missing["azure.mgmt"].startswith("azure-mgmt-")
    assert {"azure", "azure.storage", "azure.storage.blob", "azure.core"}.isdisjoint(missing)
    assert "azure.storage.queue.aio" not in missing  # its package says enough


@pytest.fixture
def refusal(tmp_path):
    def refused(script: str, **files: str) -> str:
        folder = tmp_path / "named"
        folder.mkdir()
        (folder / "score.py").write_text(script)
        for name, text in files.items():
            (folder / f"{name}.py").write_text(text)
        with pytest.raises(Refused) as caught:
            deploy.package(folder, trigger="http", output=tmp_path / "app")
        return str(caught.value)

    return refused


def test_all_distributions_that_the_script_misses_are_named_at_once(refusal):
    sentence = refusal(
        f"from azure.mgmt.web import WebSiteManagementClient\nimport steps\n{SCRIPT}",
        steps="from azure.storage.queue import QueueClient\n",
    )
    assert "No module named 'azure.mgmt'" in sentence
    assert "the requirements do not install azure.mgmt, azure.storage.queue: add azure-" in sentence
    assert "azure-storage-queue==" in sentence


@pytest.mark.parametrize(
    "script",
    [
        f"from azure.storage import queue\n{SCRIPT}",
        f"from azure.storage.queue import QueueClient\n{SCRIPT}",
        "def init():\n    import azure.storage.queue\ndef run(data): ...\n",
        "def init(): ...\ndef run(data):\n    from azure.storage.queue import QueueClient\n",
        "def init(): ...\ndef run(data):\n    import pandas, azure.storage.queue as q\n",
    ],
)
def test_a_missing_part_of_a_namespace_is_found_wherever_it_is_imported(refusal, script):
    sentence = refusal(script)
    assert "azure.storage.queue" in sentence
    assert "add azure-storage-queue==" in sentence


@pytest.mark.parametrize(
    "block",
    [
        "try:\n    import pandas\nexcept ImportError:\n    pandas = None",
        "try:\n    import pandas\nexcept (KeyError, ModuleNotFoundError):\n    pandas = None",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas",
        "if __name__ == '__main__':\n    import pandas",
        "def f():\n    try:\n        import pandas\n    except Exception: ...",
        "def f():\n    import json, azureml.core",
        "def f():\n    import steps",
    ],
)
def test_an_import_that_may_fail_or_is_not_run_needs_no_requirement(tmp_path, block):
    script = tmp_path / "score.py"
    script.write_text(f"{block}\n{SCRIPT}")
    (tmp_path / "steps.py").write_text("")
    assert script_needs.missing(script, closure.missing_modules(())) == {}


def test_a_function_of_another_module_is_a_note(tmp_path):
    folder = tmp_path / "noted"
    folder.mkdir()
    (folder / "score.py").write_text(f"import plots\n{SCRIPT}")
    (folder / "plots.py").write_text("def plot():\n    import pandas\n")
    made = deploy.package(folder, trigger="http", output=tmp_path / "app.zip")
    (note,) = [note for note in made.notes if "plots.py" in note]
    needs = "the requirements do not install pandas: add pandas==3.1.1 to them"
    assert note == f"a function in plots.py needs more: {needs}"
