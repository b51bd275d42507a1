import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from local.demo import install, install_command, install_steps
from local.demo.install_command import InstallError
from local.demo.install_steps import Step
from local.emulators import node

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
    poor = '[ "$1$2" = "-cimport ensurepip" ] && exit 1\n[ "$1" = -m ] && exit 1\nexit 0'
    program(tmp_path / "bin", "python3.13", poor)
    told = bare()
    assert told.returncode == 2
    assert "python3.13-venv" in told.stderr


def test_why_an_environment_cannot_be_made_is_said_in_pythons_own_words(bare, tmp_path):
    full = '[ "$1" = -m ] && { echo At work; echo "Error: no space left"; exit 1; }\nexit 0'
    program(tmp_path / "bin", "python3.13", full)
    told = bare()
    assert told.returncode == 2
    assert told.stderr.endswith("failed: Error: no space left\n")


@pytest.fixture
def no_wheel(monkeypatch):
    """Without Node from PyPI, which the set-up may have installed here."""
    monkeypatch.setattr(node, "_from_wheel", lambda: None)


def program(folder, name, script):
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


@pytest.mark.parametrize(
    ("programs", "with_npm", "is_usable"),
    [
        ({}, False, False),
        ({"node": "echo v18.19.0", "npm": ""}, False, False),
        ({"node": "echo v20.1.0", "npm": ""}, True, True),
        ({"node": "echo v24.1.0"}, False, True),
        ({"node": "echo v24.1.0"}, True, False),
        ({"node": "exit 1"}, False, False),
    ],
)
def test_node_is_usable_if_it_is_new_enough_and_has_npm_where_that_is_needed(
    programs, with_npm, is_usable, no_wheel, monkeypatch, tmp_path
):
    for name, script in programs.items():
        program(tmp_path, name, script)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert node.is_usable(node.find_node(), with_npm=with_npm) is is_usable


def test_node_comes_from_pypi_only_where_it_is_missing(no_wheel, monkeypatch, tmp_path):
    monkeypatch.setattr(install_steps, "_has_azurite", lambda: True)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not install_steps.node_program().is_done()
    program(tmp_path, "node", "echo v22.0.0")
    assert install_steps.node_program().is_done()


def step(title="a", **options):
    """A step that is missing, and notes that it was installed."""
    installed = []
    made = Step(title, lambda: False, lambda report: installed.append(title), **options)
    return made, installed


def test_what_cannot_be_had_is_said_before_anything_is_downloaded():
    first, installed = step()
    impossible, _ = step(is_possible=lambda: False, otherwise="needs root")
    with pytest.raises(InstallError, match="needs root"):
        install.install([first, impossible])
    assert installed == []


def test_without_a_terminal_each_step_is_said_before_it_begins(capsys):
    said = []

    def note(report):
        said.append(capsys.readouterr().err)

    install.install([Step(name, lambda: False, note) for name in ("first", "second")])
    assert "Installing: first\n" in said[0]
    assert "Installing: second\n" in said[1]


def test_what_is_optional_is_said_and_left_out(capsys):
    def fail(report):
        raise InstallError("no route to host")

    first, installed = step()
    impossible, _ = step(is_possible=lambda: False, otherwise="needs root", is_optional=True)
    failing = Step("c", lambda: False, fail, is_optional=True)
    install.install([first, impossible, failing])
    assert installed == ["a"]
    told = capsys.readouterr().err
    assert "needs root\n" in told
    assert "no route to host\n" in told


def test_redis_is_optional_and_a_debian_package_needs_apt_and_root_or_sudo(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    (redis,) = (each for each in install.steps("run") if each.title == "redis-server")
    assert redis.is_optional
    assert not redis.is_possible()
    program(tmp_path, "apt-get", "exit 0")
    monkeypatch.setattr(install_steps.os, "geteuid", lambda: 1000)
    assert not redis.is_possible()
    program(tmp_path, "sudo", "exit 1")  # it wants a password
    assert not redis.is_possible()
    program(tmp_path, "sudo", "exit 0")
    assert redis.is_possible()


def test_a_failed_step_is_one_sentence_with_its_last_line(monkeypatch, tmp_path):
    monkeypatch.setattr(install_command, "ROOT", tmp_path)
    monkeypatch.setattr(install_command, "STATE", tmp_path / ".triscore")
    lines = []
    with pytest.raises(InstallError) as caught:
        install_command.run(
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


def test_what_is_installed_is_not_installed_again():
    install.install([Step("a", lambda: True, lambda report: pytest.fail("it is installed"))])


def test_a_change_in_an_included_file_is_noticed(tmp_path):
    (tmp_path / "base.txt").write_text("a==1\n")
    (tmp_path / "all.txt").write_text("-r base.txt\n")
    before = install_steps.digest(tmp_path / "all.txt")
    (tmp_path / "base.txt").write_text("a==2\n")
    assert install_steps.digest(tmp_path / "all.txt") != before


@pytest.mark.long
def test_a_peers_environment_that_was_not_finished_is_made_anew_and_then_kept(
    monkeypatch, tmp_path
):
    monkeypatch.setattr(install_command, "ROOT", tmp_path)
    monkeypatch.setattr(install_command, "STATE", tmp_path / ".triscore")
    pins, home = tmp_path / "requirements.txt", tmp_path / "peer"
    pins.write_text("# nothing\n")
    home.mkdir()
    (home / "half").touch()
    step = install_steps.peer(home, pins)
    assert not step.is_done()
    step.install(lambda line: None)
    assert step.is_done()
    assert not (home / "half").exists()
    pins.write_text("# something else\n")
    assert not install_steps.peer(home, pins).is_done()


REQUIRED = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[.*\])?==(?P<version>[^ ;\\]+)")


def pins(file_or_lines):
    lines = file_or_lines
    if isinstance(lines, Path):
        lines = lines.read_text().splitlines()
    found = (REQUIRED.match(line) for line in lines)
    return {re.sub(r"[-_.]+", "-", each["name"]).lower(): each["version"] for each in found if each}


@pytest.mark.parametrize("name", ["run", "test", "node"])
def test_a_lock_names_digests_and_no_registry(name):
    text = (ROOT / f"locks/{name}.txt").read_text()
    assert "://" not in text
    packages = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip()
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


def test_the_lock_of_node_is_of_the_version_that_was_tried():
    assert pins(ROOT / "locks/node.in") == pins(ROOT / "locks/node.txt")


def test_what_builds_the_project_is_what_the_lock_brings():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert pins(ROOT / "locks/build.in") == pins(project["build-system"]["requires"])
