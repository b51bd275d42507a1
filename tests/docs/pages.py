"""The Markdown pages of the repository, and what is written in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

#: Folders that hold no page of ours.
_FOREIGN = {".venv", ".triscore", ".git", ".pytest_cache", "node_modules", "dist", ".hypothesis"}

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Page:
    path: Path
    text: str

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def prose(self) -> str:
        """The text without its blocks of code."""
        return _BLOCK.sub("", self.text)

    def links(self) -> list[tuple[Path, str]]:
        """The files that the page links to in this repository, each with its anchor or ''."""
        found = re.findall(r"\]\((?!https?:)([^)\s]+)\)", self.prose)
        parts = [link.partition("#") for link in found]
        return [
            ((self.path.parent / file).resolve() if file else self.path, anchor)
            for file, _, anchor in parts
        ]

    def anchors(self) -> set[str]:
        headings = re.findall(r"^#+ (.*)$", self.prose, re.MULTILINE)
        words = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
        return {each.replace(" ", "-") for each in words}

    def blocks(self, language: str) -> list[str]:
        return [code for name, code in _BLOCK.findall(self.text) if name == language]


def all_pages() -> list[Page]:
    paths = sorted(
        path for path in ROOT.rglob("*.md") if not _FOREIGN & set(path.relative_to(ROOT).parts)
    )
    return [Page(path, path.read_text()) for path in paths]
