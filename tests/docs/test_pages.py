"""Every page is found, and every link and command in it leads somewhere."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator

import pytest
import yaml
from typer.core import TyperGroup
from typer.main import get_command

from cli.app import app
from tests.docs.pages import ROOT, Page, all_pages

PAGES = all_pages()
EACH = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@EACH
def test_every_link_leads_to_a_file_and_a_heading(page: Page) -> None:
    by_path = {each.path: each for each in PAGES}
    for target, anchor in page.links():
        assert target.exists(), target
        if anchor:
            assert anchor in by_path[target].anchors(), f"{target}#{anchor}"


def test_every_page_is_found_from_the_readme() -> None:
    by_path = {page.path: page for page in PAGES}
    found, left = set(), [ROOT / "README.md"]
    while left:
        path = left.pop()
        if path in by_path and path not in found:
            found.add(path)
            left += [target for target, _ in by_path[path].links()]
    assert {page.name for page in PAGES if page.path not in found} == set()


def test_every_page_of_docs_is_in_their_index() -> None:
    (index,) = [page for page in PAGES if page.name == "docs/README.md"]
    listed = {target for target, _ in index.links()}
    assert {path for path in (ROOT / "docs").glob("*.md") if path != index.path} <= listed


def test_every_page_is_on_the_site() -> None:
    site = yaml.safe_load((ROOT / "docs/site/mkdocs.yml").read_text())
    listed = re.findall(r"[\w/-]+\.md", str(site["nav"]))
    assert sorted(listed) == sorted(page.name for page in PAGES)


def test_the_readme_has_fewer_than_120_lines() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 120


@EACH
def test_every_block_of_commands_is_shell(page: Page) -> None:
    for block in page.blocks("sh"):
        done = subprocess.run(
            ["bash", "-n"], input=block, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr


@EACH
def test_every_block_of_python_compiles(page: Page) -> None:
    for block in page.blocks("python"):
        compile(block, page.name, "exec")


@EACH
def test_every_make_target_that_a_page_names_is_there(page: Page) -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for words in commands(page):
        if "make" in words:
            after = words[words.index("make") + 1 :]
            named = [word for word in after if "=" not in word and not word.startswith("-")]
            assert set(named) <= targets, words


@EACH
def test_every_triscore_command_that_a_page_names_is_there_with_its_options(page: Page) -> None:
    for words in commands(page):
        if words[0] in ("triscore", "./triscore") and "…" not in words:
            names = [word for word in words[1:] if re.fullmatch("[a-z][a-z-]*", word)][:2]
            for option in (word.partition("=")[0] for word in words if word.startswith("--")):
                assert option in options_of(names), f"{words}: {option}"


def commands(page: Page) -> Iterator[list[str]]:
    """The commands in the page's blocks and between its backticks, as words."""
    lines = [
        line for block in page.blocks("sh") for line in block.replace("\\\n", " ").splitlines()
    ]
    lines += re.findall(r"`((?:\./)?(?:triscore|make) [^`]+)`", page.prose)
    for line in lines:
        try:
            words = shlex.split(line.replace("\\|", " ").replace("'", ""), comments=True)
        except ValueError:
            continue
        words = [word for word in words if not re.match("[A-Z_]+=", word)]
        if words:
            yield words


def options_of(names: list[str]) -> set[str]:
    """The options of a command, or of the group that its first word names."""
    command = get_command(app)
    for name in names:
        if isinstance(command, TyperGroup):
            command = command.commands[name]
    own = (option for each in command.params for option in (*each.opts, *each.secondary_opts))
    return {"--help", *own}
