"""The project as an installed copy, as a notebook has it: without a clone beside it."""

import json
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests import small_model
from tests.cli.conftest import ROOT

pytestmark = pytest.mark.long  # it builds and installs the project


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder of an environment with a copy of the project, and what it needs."""
    folder = tmp_path_factory.mktemp("installed")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / "source" / name)
    home = folder / "environment"
    venv.create(home, with_pip=False)
    places = home / "lib/python3.13/site-packages"
    (places / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin/python"), "install", "-q"]
    subprocess.run(
        [*pip, "--no-deps", "--no-build-isolation", str(folder / "source")], check=True, timeout=120
    )
    shutil.rmtree(folder / "source")
    return home


def test_a_notebook_packages_a_model(installed, tmp_path):
    model = small_model.save(tmp_path)
    code = (
        "import sys, deploy\n"
        f"made = deploy.package_http({str(model)!r}, output={str(tmp_path / 'app.zip')!r})\n"
        "print(deploy.__file__, len(made.functions))"
    )
    told = subprocess.run(
        [installed / "bin/python", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert told.stderr == ""
    file, functions = told.stdout.split()
    assert Path(file).is_relative_to(installed)
    assert int(functions) > 1
    assert (tmp_path / "app.zip").is_file()


def triscore(installed, *words):
    return subprocess.run(
        [installed / "bin/triscore", *map(str, words)],
        cwd=installed,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_command_describes_a_model(installed, tmp_path):
    described = triscore(installed, "describe", small_model.save(tmp_path), "--json")
    assert (described.returncode, described.stderr) == (0, "")
    assert json.loads(described.stdout)["file"] == "model.joblib"


@pytest.mark.parametrize("command", ["up", "demo", "bench", "emulators up"])
def test_what_needs_a_clone_says_so(installed, command):
    refused = triscore(installed, *command.split())
    assert refused.returncode == 2
    assert f"triscore {command} needs a clone of the project" in refused.stderr
    assert refused.stderr.count("\n") == 1
