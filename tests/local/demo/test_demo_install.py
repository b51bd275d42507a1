import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from local.demo import install

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def bare(tmp_path):
    """A clone on a machine that has a shell and nothing else."""
    (tmp_path / "bin").mkdir()
    for name in ("sh", "grep", "rm"):
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    shutil.copytree(ROOT / "local", tmp_path / "local")

    def bootstrap() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "local/demo/bootstrap.sh"],
            cwd=tmp_path,
            env={"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    return bootstrap


def test_without_python_the_first_command_says_how_to_get_it_and_makes_nothing(bare, tmp_path):
    told = bare()
    assert told.returncode == 2
    assert told.stderr.count("\n") == 1
    assert "Python 3.13 is needed" in told.stderr
    assert "uv python install 3.13" in told.stderr
    assert not (tmp_path / ".venv").exists()


def test_another_python_is_not_taken_for_the_right_one(bare, tmp_path):
    other = tmp_path / "bin" / "python3.13"
    other.write_text("#!/bin/sh\nexit 1\n")
    other.chmod(0o755)
    assert bare().returncode == 2


def test_a_python_that_cannot_make_an_environment_is_reported(bare, tmp_path):
    poor = tmp_path / "bin" / "python3.13"
    poor.write_text('#!/bin/sh\n[ "$1" = -m ] && exit 1\necho Python 3.13.0\n')
    poor.chmod(0o755)
    told = bare()
    assert told.returncode == 2
    assert "python3.13-venv" in told.stderr


def test_a_missing_node_is_named_with_what_needs_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(install.InstallError, match="needs Node 20 or newer with npm"):
        install._require_node()


def test_an_old_node_is_named_with_its_version(monkeypatch, tmp_path):
    for name in ("node", "npm"):
        (tmp_path / name).write_text("#!/bin/sh\necho v18.19.0\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(install.InstallError, match=r"found v18\.19\.0; install a newer one"):
        install._require_node()


def test_a_failed_step_is_one_sentence_with_its_last_line(monkeypatch, tmp_path):
    monkeypatch.setattr(install, "ROOT", tmp_path)
    monkeypatch.setattr(install, "STATE", tmp_path / ".triscore")
    lines = []
    with pytest.raises(install.InstallError) as caught:
        install._run(
            [sys.executable, "-c", "print('trying'); raise SystemExit('no route to host')"],
            "Azurite",
            "Is the npm registry reachable?",
            lines.append,
        )
    assert str(caught.value) == (
        "Azurite could not be installed: no route to host. Is the npm registry reachable? "
        "Full output: .triscore/logs/install.log"
    )
    assert lines == ["trying", "no route to host"]


def test_what_is_installed_is_not_installed_again(monkeypatch, tmp_path):
    def fail(*_: object) -> None:
        pytest.fail("it is installed")

    monkeypatch.setattr(install, "_require_node", lambda: None)
    monkeypatch.setattr(install, "_has_azurite", lambda: True)
    monkeypatch.setattr(install, "_has_model", lambda: True)
    monkeypatch.setattr(install.shutil, "which", lambda _: "/bin/there")
    monkeypatch.setattr(install.sys, "prefix", str(tmp_path))
    monkeypatch.setattr(install, "_run", fail)
    lock = ROOT / "locks/run.txt"
    (tmp_path / f"installed-run-{install._digest(lock)}").touch()
    (tmp_path / f"installed-triscore-{install._digest(ROOT / 'pyproject.toml')}").touch()
    install.install(lock)


def test_a_change_in_an_included_file_is_noticed(tmp_path):
    (tmp_path / "base.txt").write_text("a==1\n")
    (tmp_path / "all.txt").write_text("-r base.txt\n")
    before = install._digest(tmp_path / "all.txt")
    (tmp_path / "base.txt").write_text("a==2\n")
    assert install._digest(tmp_path / "all.txt") != before


def test_a_peers_environment_that_was_not_finished_is_made_anew_and_then_kept(
    monkeypatch, tmp_path
):
    monkeypatch.setattr(install, "ROOT", tmp_path)
    monkeypatch.setattr(install, "STATE", tmp_path / ".triscore")
    pins, home = tmp_path / "requirements.txt", tmp_path / "peer"
    pins.write_text("# nothing\n")
    home.mkdir()
    (home / "half").touch()
    step = install.peer(home, pins)
    assert not step.is_done()
    step.install(lambda line: None)
    assert step.is_done()
    assert not (home / "half").exists()
    pins.write_text("# something else\n")
    assert not install.peer(home, pins).is_done()


REQUIRED = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[.*\])?==(?P<version>[^ ;\\]+)")


def pins(file_or_lines):
    lines = file_or_lines
    if isinstance(lines, Path):
        lines = lines.read_text().splitlines()
    found = (REQUIRED.match(line) for line in lines)
    return {re.sub(r"[-_.]+", "-", each["name"]).lower(): each["version"] for each in found if each}


@pytest.mark.parametrize("name", ["run", "test"])
def test_a_lock_names_digests_and_no_registry(name):
    text = (ROOT / f"locks/{name}.txt").read_text()
    assert "://" not in text
    packages = text[text.index("\na") :].strip()  # the head says what wrote it
    for line in re.split(r"\n(?! )", packages):
        assert REQUIRED.match(line), line
        assert "--hash=sha256:" in line, line


def test_the_locks_are_of_what_the_project_requires():
    """`make lock` writes them anew."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    app = (ROOT / "requirements.txt").read_text().splitlines()
    build = project["build-system"]["requires"]
    run, test = (pins(ROOT / f"locks/{name}.txt") for name in ("run", "test"))
    assert (
        pins([*app, *build, *extras["cli"], *extras["deploy"], *extras["local"]]).items()
        <= run.items()
    )
    everything = [*app, *build, *(line for lines in extras.values() for line in lines)]
    everything += (ROOT / "tests/requirements.txt").read_text().splitlines()
    assert (pins(everything) | run).items() <= test.items()


def test_what_builds_the_project_is_what_the_lock_brings():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert pins(ROOT / "locks/build.in") == pins(project["build-system"]["requires"])
