"""The tutorial and the recipes, line by line as a reader pastes them, in a copy of the examples."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.app.conftest import make_app
from tests.docs.pages import ROOT, Page
from tests.running_app import App

__all__ = ["make_app"]

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]  # it starts the app for every model

#: What only Azure can run.
AZURE = ("azd ",)
SERVE = re.compile(r"(?:AZUREML_MODEL_DIR=(\S+) )?make run(?: SAMPLE=\S+)?$")
INSTALL = re.compile(r"\.venv/bin/python -m pip install -r (\S+)$")


class Reader:
    """Pastes lines, in a folder that looks like a clone."""

    def __init__(self, folder: Path, make_app) -> None:
        self._folder, self._make_app = folder, make_app
        self._app: App | None = None
        wanted = shutil.ignore_patterns("__pycache__", "*.joblib", "*.csv", "*.parquet", "*.png")
        shutil.copytree(ROOT / "examples", folder / "examples", ignore=wanted)
        for name in ("triscore", "models", "requirements.txt", "function_app.py", "host.json"):
            (folder / name).symlink_to(ROOT / name)

    def paste(self, line: str) -> str:
        """Run a line and return what it prints."""
        if serve := SERVE.match(line):
            self._serve(serve[1] or "models/digits")
            return ""
        if install := INSTALL.match(line):
            for package, pinned in re.findall(
                r"^(\w+)==(\S+)$", self._read(install[1]), re.MULTILINE
            ):
                assert version(package) == pinned, "the version that the locks have"
            return ""
        line = line.replace(".venv/bin/python", shlex.quote(sys.executable))
        line = line.replace("./triscore", f"{shlex.quote(sys.executable)} -m cli")
        return self._run(["bash", "-c", line.replace("localhost:7071", self._address)])

    def run(self, code: str) -> str:
        assert self._app is not None
        storage = repr(self._app.azurite.connection_string)
        code = code.replace('"UseDevelopmentStorage=true"', storage)
        return self._run([sys.executable, "-c", code])

    def stop(self) -> None:
        if self._app is not None:
            self._app.stop()
            self._app = None

    def _serve(self, model: str) -> None:
        self.stop()
        self._app = self._make_app(AZUREML_MODEL_DIR=str(self._folder / model))
        self._app.upload("first.csv", b"")  # makes the containers

    def _read(self, name: str) -> str:
        return (self._folder / name).read_text()

    @property
    def _address(self) -> str:
        return "" if self._app is None else self._app.host.url.removeprefix("http://")

    def _run(self, command: list[str]) -> str:
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        if app := self._app:
            env |= {"TRISCORE_URL": app.host.url, "ScoringStorage": app.azurite.connection_string}
            env["ServiceBusConnection"] = app.servicebus.connection_string
        done = subprocess.run(
            command,
            cwd=self._folder,
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, f"{command}: {done.stdout} {done.stderr}"
        return done.stdout


@pytest.fixture
def reader(tmp_path, make_app):
    reader = Reader(tmp_path, make_app)
    yield reader
    reader.stop()


@pytest.mark.parametrize("name", ["docs/tutorial.md", "docs/recipes.md"])
def test_every_line_does_what_the_page_says(name, reader):
    page = Page(ROOT / name, (ROOT / name).read_text())
    pasted = 0
    for language, code in re.findall(r"^```(\w+)\n(.*?)^```", page.text, re.MULTILINE | re.DOTALL):
        if language == "python" and "import" in code:
            reader.run(code)
        if language != "sh":
            continue
        lines = code.splitlines()
        for line, after in zip(lines, [*lines[1:], ""], strict=True):
            if line.startswith(("#", *AZURE)):
                continue
            printed = reader.paste(line)
            pasted += 1
            if after.startswith("# "):
                assert printed.startswith(after.removeprefix("# ")), line
    assert pasted > 5
