"""`make`: what it does without a target, and what its help lists."""

import os
import re
import subprocess

from tests.cli.conftest import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()


def make(*words):
    # `make test` runs this: what it hands down to another make would change what that prints.
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", *words], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    ).stdout


def test_without_a_target_everything_is_started():
    assert make("--dry-run") == make("--dry-run", "run")
    assert make("--dry-run").rstrip().endswith("triscore up")


def test_help_lists_every_target_that_a_person_types():
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, flags=re.MULTILINE))
    lines = [line.split() for line in make("help").splitlines()]
    listed = {line[1] for line in lines if line[:1] == ["make"] and "=" not in line[2]}
    assert listed == {name for name in targets if not name.startswith("setup-")}


def test_a_port_and_a_sample_are_passed_on():
    assert "triscore up --port 7072" in make("--dry-run", "run", "PORT=7072")
    assert "triscore demo  --sample 'a b.json'" in make("--dry-run", "demo", "SAMPLE=a b.json")


def test_a_clone_for_windows_editors_keeps_the_line_ends_that_shells_need(tmp_path):
    clone = ["git", "clone", "--quiet", "--config", "core.autocrlf=true", ROOT, tmp_path / "clone"]
    subprocess.run(clone, check=True, capture_output=True)
    listed = subprocess.run(
        ["git", "ls-files", "--eol"],
        cwd=tmp_path / "clone",
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert listed
    assert not [line for line in listed.splitlines() if "w/crlf" in line or "w/mixed" in line]
