"""The commands of the pages that can run here, run as they are written, on the demo model."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.app.conftest import make_app
from tests.docs.pages import ROOT, Page, all_pages
from tests.running_app import App

__all__ = ["make_app"]

pytestmark = pytest.mark.long  # it starts the whole app

PAGES = {page.name: page for page in all_pages()}


@pytest.fixture(scope="module")
def digits(make_app: Callable[..., App]) -> App:
    app = make_app(AZUREML_MODEL_DIR=str(ROOT / "models/digits"))
    app.upload("first.csv", (ROOT / "models/digits/golden.csv").read_bytes())  # makes the container
    return app


def curls(page: Page) -> list[str]:
    """Each `curl` line, with the answer that a comment below it promises, if one does."""
    lines = [line for block in page.blocks("sh") for line in block.splitlines()]
    followed = zip(lines, [*lines[1:], ""], strict=True)
    return [
        f"{line}\n{after}" if after.startswith("# ") else line
        for line, after in followed
        if line.startswith("curl localhost:7071/")
    ]


@pytest.mark.parametrize("name", ["README.md", "docs/http.md"])
def test_every_curl_line_scores(digits: App, tmp_path: Path, name: str) -> None:
    found = curls(PAGES[name])
    assert found
    (tmp_path / "models").symlink_to(ROOT / "models")
    np.save(tmp_path / "rows.npy", np.zeros((2, 64)))
    for each in found:
        line, _, promised = each.partition("\n")
        command = line.replace("localhost:7071", digits.host.url.removeprefix("http://"))
        done = subprocess.run(
            command.replace("curl ", "curl -sS -w '%{stderr}%{http_code}' ", 1),
            shell=True,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stderr[-3:] in ("200", "202"), f"{line}: {done.stdout} {done.stderr}"
        if promised:
            assert done.stdout.strip() == promised.removeprefix("# "), line


@pytest.mark.parametrize(
    ("name", "prints"), [("docs/blobs.md", r",\d,$"), ("docs/service-bus.md", '"succeeded"')]
)
def test_every_block_of_python_scores(digits: App, name: str, prints: str) -> None:
    (code,) = PAGES[name].blocks("python")
    code = code.replace('"UseDevelopmentStorage=true"', repr(digits.azurite.connection_string))
    before, _, after = code.partition('LOCAL = "')
    if after:
        rest = after.partition("\n")[2]
        code = f"{before}LOCAL = {digits.servicebus.connection_string!r}\n{rest}"
        digits.inbox.close()
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(prints, done.stdout, re.MULTILINE)


def test_every_block_of_the_clients_page_scores(digits: App) -> None:
    prints = r"\[\d\] (miss|hit) \d", r"\[\[\d\], "
    for code, first in zip(PAGES["docs/client.md"].blocks("python"), prints, strict=True):
        done = subprocess.run(
            [sys.executable, "-c", code.replace("http://localhost:7071", digits.host.url)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert re.match(first, done.stdout)
