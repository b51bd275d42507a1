"""Which files of a model's folder belong in a package.

Left out are what no package needs, or must not have, and what `.funcignore` and `.amlignore` in the
folder name, in Git's syntax.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from deploy.errors import Refused

#: Hidden files, byte code, environments, other projects' code, and the keys of local settings. No
#: line of an ignore file takes them in again.
_NEVER = GitIgnoreSpec.from_lines(
    [
        ".*",
        "__pycache__/",
        "*.py[co]",
        "venv/",
        "venv.bak/",
        "node_modules/",
        "site-packages/",
        "*.egg-info/",
        "local.settings.json",
        "Thumbs.db",
        "desktop.ini",
    ]
)
#: What an environment has at its top, of Python or conda.
_ENVIRONMENT = ("pyvenv.cfg", "conda-meta")
IGNORE_FILES = (".funcignore", ".amlignore")
#: Notes don't name these: no package needs them, and nearly every folder has some.
_UNTOLD = ("__pycache__/", *IGNORE_FILES)
#: How many names a note has.
_NAMES = 8


@dataclass(frozen=True, slots=True)
class OwnFiles:
    """`files`: by their paths in the folder, sorted. `left_out`: paths, by what leaves them out,
    which is an ignore file's name or "". A folder ends in a slash.
    """

    files: Mapping[str, Path]
    left_out: Mapping[str, Sequence[str]]

    def notes(self) -> list[str]:
        """A sentence for each reason."""
        return [
            f"left out{f' by {reason}' if reason else ', as it belongs in no package'}:"
            f" {_list(names)}"
            for reason, names in self.left_out.items()
        ]

    def require(self, path: str) -> None:
        """Raises Refused if an ignore file leaves out what the package needs."""
        for reason, names in self.left_out.items():
            for name in names:
                if path == name or (name.endswith("/") and path.startswith(name)):
                    by = reason or "the rules for packages"
                    raise Refused(f"{path} is needed, and {by} leaves it out: change that")


def find(folder: Path) -> OwnFiles:
    """The files of a folder and below that belong in a package."""
    rules = {"": _NEVER, **_read_rules(folder)}
    left_out: dict[str, list[str]] = {}
    files = dict(_walk(folder, rules, left_out))
    told = {
        reason: [name for name in names if not name.endswith(_UNTOLD)]
        for reason, names in left_out.items()
    }
    return OwnFiles(
        dict(sorted(files.items())), {reason: names for reason, names in told.items() if names}
    )


def _walk(
    folder: Path, rules: Mapping[str, GitIgnoreSpec], left_out: dict[str, list[str]]
) -> Iterator[tuple[str, Path]]:
    for place, below, names in os.walk(folder):
        here = Path(place).relative_to(folder)
        kept = []
        for name in sorted(below):
            path = f"{(here / name).as_posix()}/"
            reason = "" if _is_environment(Path(place, name)) else _reason(path, rules)
            if reason is None:
                kept.append(name)
            else:
                left_out.setdefault(reason, []).append(path)
        below[:] = kept
        for name in sorted(names):
            path = (here / name).as_posix()
            reason = _reason(path, rules)
            if reason is None:
                yield path, Path(place, name)
            else:
                left_out.setdefault(reason, []).append(path)


def _reason(path: str, rules: Mapping[str, GitIgnoreSpec]) -> str | None:
    return next((reason for reason, spec in rules.items() if spec.match_file(path)), None)


def _is_environment(folder: Path) -> bool:
    return any((folder / name).exists() for name in _ENVIRONMENT)


def _read_rules(folder: Path) -> dict[str, GitIgnoreSpec]:
    rules = {}
    for name in IGNORE_FILES:
        file = folder / name
        if file.is_file():
            lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
            try:
                rules[name] = GitIgnoreSpec.from_lines(lines)
            except ValueError as error:
                raise Refused(f"{file}: {' '.join(str(error).split())}: correct it") from error
    return rules


def _list(names: Sequence[str]) -> str:
    more = len(names) - _NAMES
    return ", ".join(names[:_NAMES]) + (f" and {more:,} more" if more > 0 else "")
