"""The peers' virtual environments, each made once in a folder of its own."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.places import BENCH, LOGS, PEERS
from local.emulators.child import Child

#: The packages that decide how fast a peer is; tables show their versions.
REPORTED = ("scikit-learn", "numpy", "uvicorn", "gunicorn", "starlette", "redis", "orjson")

INSTALL_S = 900.0


@dataclass(frozen=True, slots=True)
class Environment:
    """The packages of one peer, and the Python versions that it runs on, the preferred first."""

    name: str
    pythons: tuple[str, ...] = ("3.13",)

    @property
    def requirements(self) -> Path:
        return BENCH / "peers" / self.name / "requirements.txt"

    @property
    def folder(self) -> Path:
        return PEERS / self.name

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def is_there(self) -> bool:
        return self._stamp.exists()

    def program(self, name: str) -> str:
        return str(self.folder / "bin" / name)

    def bring(self) -> None:
        """Make the environment unless it has these requirements already. Raises BenchError."""
        if not self.is_there:
            self._make()

    def _make(self) -> None:
        python = find_python(self.pythons)
        if python is None:
            raise BenchError(
                f"none of Python {', '.join(self.pythons)} was found on the PATH, in pyenv or in"
                f" uv: install one, e.g. 'uv python install {self.pythons[0]}'"
            )
        shutil.rmtree(self.folder, ignore_errors=True)
        pip = [str(self.python), "-m", "pip", "install", "--disable-pip-version-check"]
        run([python, "-m", "venv", str(self.folder)], "the environment")
        run([*pip, "--progress-bar", "off", "-r", str(self.requirements)], "the packages")
        self._stamp.touch()

    def versions(self) -> dict[str, str]:
        """The versions of Python and of the packages that tables show."""
        code = (
            "import importlib.metadata as m, json, platform\n"
            "print(json.dumps({'Python': platform.python_version()}"
            " | {d.name: d.version for d in m.distributions()}))"
        )
        completed = subprocess.run([self.python, "-c", code], capture_output=True, check=True)
        installed: dict[str, str] = json.loads(completed.stdout)
        wanted = {"Python", *REPORTED, *_pinned_first(self.requirements)}
        return {name: version for name, version in installed.items() if name in wanted}

    @property
    def _stamp(self) -> Path:
        digest = hashlib.sha256(self.requirements.read_bytes()).hexdigest()[:16]
        return self.folder / f"installed-{digest}"


def find_python(versions: tuple[str, ...]) -> str | None:
    """The first interpreter that has one of these versions, e.g. `3.12`."""
    for version in versions:
        for candidate in _candidates(version):
            code = "import sys; print('%d.%d' % sys.version_info[:2])"
            try:
                completed = subprocess.run(
                    [candidate, "-c", code], capture_output=True, text=True, check=False
                )
            except OSError:
                continue
            # pyenv puts a shim for every version on the PATH; most of them fail.
            if completed.stdout.strip() == version:
                return candidate
    return None


def run(command: list[str], what: str, env: dict[str, str] | None = None) -> None:
    """Run a command of the set-up. Raises BenchError if it fails."""
    LOGS.mkdir(parents=True, exist_ok=True)
    child = Child(command, log=LOGS / "install.log", env=env)
    try:
        code = child.wait(INSTALL_S)
    except TimeoutError as error:
        raise BenchError(f"{what} took longer than {INSTALL_S:g} s") from error
    finally:
        child.stop()
    if code:
        raise BenchError(f"{what} could not be brought: {child.last_line()} (all: {child.log})")


def require_programs(programs: dict[str, str], notify: Callable[[str], None]) -> None:
    """Install the Debian packages of missing programs. Raises BenchError."""
    missing = sorted({package for name, package in programs.items() if not shutil.which(name)})
    if not missing:
        return
    names = " ".join(missing)
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if not shutil.which("apt-get") or (sudo and not shutil.which("sudo")):
        raise BenchError(f"the bench needs {names}: as root, 'apt-get install {names}'")
    notify(f"installing {names}")
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    run([*sudo, "apt-get", "update"], "the list of Debian's packages", env)
    run([*sudo, "apt-get", "install", "-y", *missing], names, env)


def _candidates(version: str) -> Iterator[str]:
    if f"{sys.version_info[0]}.{sys.version_info[1]}" == version:
        yield sys.executable
    if found := shutil.which(f"python{version}"):
        yield found
    pyenv = Path(os.environ.get("PYENV_ROOT", "") or Path.home() / ".pyenv")
    yield from sorted(map(str, pyenv.glob(f"versions/{version}*/bin/python")), reverse=True)
    if uv := shutil.which("uv"):
        command = [uv, "python", "find", "--no-project", version]
        completed = subprocess.run(command, capture_output=True, text=True, check=False)
        yield from completed.stdout.split()


def _pinned_first(requirements: Path) -> set[str]:
    """The first two packages of a requirements file, which are the peer itself."""
    lines = [line for line in requirements.read_text().splitlines() if "==" in line]
    return {line.partition("==")[0] for line in lines[:2]}
