"""What all commands of `triscore` have in common: help, errors, completion, a quick start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from cli import app, errors
from inference.errors import ModelUnavailable
from tests.cli.conftest import ROOT
from tests.run_python import run_python

#: Modules that take long to import, and that no help needs.
SLOW = {"numpy", "sklearn", "azure", "redis", "orjson", "rich.console", "asyncio", "inference"}


def commands(command=None, path=()):
    """Every command with its words."""
    command = command or get_command(app.app)
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


COMMANDS = dict(commands())


@pytest.fixture
def here(capsys, monkeypatch):
    """`here(*words)`: the command in this process, as `triscore` runs it in one of its own."""
    monkeypatch.setenv("COLUMNS", "160")

    def run(*words):
        code = app.main([*map(str, words)])
        told = capsys.readouterr()
        return subprocess.CompletedProcess(words, code, told.out, told.err)

    return run


@pytest.mark.parametrize("columns", ["60", "160"])
@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_lists_every_option_and_what_it_does(here, path, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    shown = here(*path, "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    text = " ".join(shown.stdout.split())
    assert " ".join(("Usage: triscore", *path)) in text
    for parameter in COMMANDS[path].params:
        assert parameter.help, parameter
        if parameter.param_type_name == "option":
            assert parameter.opts[0] in text
            assert parameter.help.split()[0] in text


def test_the_commands_are_those_of_the_readme():
    assert {path[0] for path in COMMANDS if path} == {
        *("up", "demo", "host", "emulators"),
        *("describe", "accelerate", "score", "package", "doctor", "requeue", "bench"),
        *("enqueue", "results", "stats", "watch", "load"),
    }


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_wrong_option_is_one_line_and_exit_code_2(here, path):
    refused = here(*path, "--nonsense")
    assert (refused.returncode, refused.stdout) == (2, "")
    (line,) = refused.stderr.splitlines()
    assert line.startswith("No such option: --nonsense")
    assert line.endswith(f"See `{' '.join(('triscore', *path))} --help`.")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["describe", "models/digits", "--relative", "-1"], "expected a number from 0, got '-1'."),
        (["describe", "models/digits", "--absolute", "x"], "expected a number from 0, got 'x'."),
        (["requeue", "--rate", "0/s"], "expected a number above 0, got '0/s'."),
        (["describe", "nowhere"], "nowhere is not a folder: name the one that holds the model"),
        (["package"], "Missing option '--model'. See `triscore package --help`."),
        (["host", "--workers", "65"], "less than or equal to 64. See `triscore host --help`."),
        (["bench", "--quick", "--report"], "exclude one another"),
    ],
)
def test_a_wrong_value_is_one_line_and_exit_code_2(here, words, says):
    refused = here(*words)
    assert (refused.returncode, refused.stdout) == (2, "")
    (line,) = refused.stderr.splitlines()
    assert says in line


def test_bench_says_what_installs_its_packages(here, monkeypatch):
    monkeypatch.setitem(sys.modules, "bench", None)
    refused = here("bench", "--only", "limits")
    assert refused.returncode == 2
    assert refused.stderr.endswith(": `make bench-quick` installs what it needs\n")


def test_a_wrong_setting_of_the_port_is_named(triscore):
    refused = triscore("host", TRISCORE_HTTP_PORT="many")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "TRISCORE_HTTP_PORT" in refused.stderr


def test_an_unknown_command_is_one_line_and_exit_code_2(triscore):
    refused = triscore("serve")
    assert refused.returncode == 2
    said = "No such command 'serve'. Did you mean 'score'? See `triscore --help`.\n"
    assert refused.stderr == said


def test_without_words_the_help_is_shown(triscore):
    shown = triscore()
    assert (shown.returncode, shown.stdout) == (0, triscore("--help").stdout)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_made_for_each_shell(triscore, shell):
    script = triscore(_TRISCORE_COMPLETE=f"source_{shell}")
    assert (script.returncode, script.stderr) == (0, "")
    assert "_TRISCORE_COMPLETE" in script.stdout


def test_completion_knows_commands_and_options(triscore):
    asked = {"_TRISCORE_COMPLETE": "complete_bash", "COMP_CWORD": "1"}
    found = triscore(**asked, COMP_WORDS="triscore emu")
    assert found.stdout.split() == ["emulators"]
    found = triscore(**asked | {"COMP_CWORD": "2"}, COMP_WORDS="triscore host --wor")
    assert found.stdout.split() == ["--workers"]


def test_an_unexpected_error_is_one_line_and_exit_code_1(monkeypatch, capsys):
    def break_down() -> None:
        raise ValueError("two\nlines")

    broken = typer.Typer()
    broken.command()(break_down)
    broken.callback()(app.root)
    monkeypatch.setattr(app, "app", broken)
    assert app.main(["break-down"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("unexpected ValueError: two lines")
    assert app.main(["--traceback", "break-down"]) == 1
    assert "in break_down" in capsys.readouterr().err


def test_an_error_of_the_system_names_the_file_and_what_is_wrong():
    refused = PermissionError(13, "Permission denied", "/rows.csv")
    assert errors.sentence(refused) == "/rows.csv: Permission denied"
    assert errors.sentence(OSError("no space")) == "no space"


def test_a_package_of_an_extra_is_named_with_the_extra():
    missing = ModuleNotFoundError("No module named 'pathspec'", name="pathspec")
    assert errors.is_expected(missing)
    assert errors.sentence(missing).startswith(
        "No module named 'pathspec': pip install '.[deploy]' brings"
    )
    assert not errors.is_expected(ModuleNotFoundError("No module named 'ours'", name="ours"))


@pytest.mark.parametrize("lacks", ["m.skops needs skops, which", "it takes a frame, and skops"])
def test_what_a_model_lacks_is_named_with_the_python_to_install_it_for(lacks, monkeypatch):
    missing = ModelUnavailable(f"{lacks} is not installed: add it to requirements.txt")
    monkeypatch.setattr(sys, "executable", str(Path.cwd() / ".venv/bin/python"))
    there = ", and here `.venv/bin/python -m pip install skops`"
    assert errors.sentence(missing) == f"{missing}{there}"
    monkeypatch.setattr(sys, "executable", "/usr/bin/python")
    assert errors.sentence(missing).endswith("`/usr/bin/python -m pip install skops`")


def test_ctrl_c_is_exit_code_130(monkeypatch):
    def wait() -> None:
        raise KeyboardInterrupt

    waiting = typer.Typer()
    waiting.command()(wait)
    waiting.callback()(app.root)
    monkeypatch.setattr(app, "app", waiting)
    assert app.main(["wait"]) == 130


@pytest.mark.timed
def test_help_starts_quickly(triscore):
    def seconds():
        # Of the processor: what else this machine does must not count.
        before = os.times()
        triscore("--help")
        after = os.times()
        return sum(after[2:4]) - sum(before[2:4])

    assert min(seconds() for _ in range(5)) < 0.5


def test_the_command_line_imports_nothing_slow():
    told = run_python("-c", "import sys, cli.app; print(*sys.modules)", check=True)
    assert not SLOW & set(told.stdout.split())


def test_without_its_packages_the_command_says_what_to_install():
    told = run_python("-S", "-c", "import cli.app")  # -S: no packages at all
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr == "triscore needs typer, rich, httpx2: pip install '.[cli]' brings them\n"


def test_from_a_clone_the_command_says_how_it_is_installed(tmp_path):
    (tmp_path / "triscore").write_bytes((ROOT / "triscore").read_bytes())
    (tmp_path / "triscore").chmod(0o755)
    refused = subprocess.run([tmp_path / "triscore"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "make run" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_from_a_clone_the_command_passes_its_words_on_from_any_folder(tmp_path):
    (tmp_path / "triscore").write_bytes((ROOT / "triscore").read_bytes())
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/triscore").write_text('#!/bin/sh\nprintf "%s|" "$@"\nexit 7\n')
    for script in (tmp_path / "triscore", tmp_path / ".venv/bin/triscore"):
        script.chmod(0o755)
    told = subprocess.run(
        [tmp_path / "triscore", "host", "--app", "a b"],
        cwd=os.sep,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stdout) == (7, "host|--app|a b|")
