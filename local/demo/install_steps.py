"""What the set-up installs, a step each."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.demo.install_command import ROOT, STATE, InstallError, Report, run
from local.emulators import node

MODEL = ROOT / "models/digits"
AZURITE = "3.37.0"
#: A lock lists every package with its hashes. pip installs those files and no others.
LOCKED = ("--require-hashes", "--no-deps")


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to install, if it is missing."""

    title: str
    is_done: Callable[[], bool]
    install: Callable[[Report], None]
    #: Whether this machine lets it be installed. Asked before anything is downloaded.
    is_possible: Callable[[], bool] = _always
    #: What to say if it is not possible, or if an optional step fails.
    otherwise: str = ""
    #: Whether the rest is worth having without it.
    is_optional: bool = False


def locked_packages(title: str, lock: Path) -> Step:
    """The packages of a lock, in this environment."""
    stamp = Path(sys.prefix) / f"installed-{lock.stem}-{digest(lock)}"

    def install(report: Report) -> None:
        _install_packages(sys.executable, LOCKED, lock, stamp, report)

    return Step(title, stamp.exists, install)


def peer(home: Path, requirements: Path) -> Step:
    """A separate environment with these packages. Without its stamp it is made anew."""
    stamp = home / f"installed-{digest(requirements)}"

    def install(report: Report) -> None:
        shutil.rmtree(home, ignore_errors=True)
        command = [sys.executable, "-m", "venv", str(home)]
        hint = "Is python3.13-venv installed?"
        run(command, "an environment for Azure ML's server", hint, report)
        _install_packages(str(home / "bin/python"), (), requirements, stamp, report)

    return Step("Azure ML's server", stamp.exists, install)


def triscore_command() -> Step:
    """The command `triscore`: the project itself, as an editable install."""
    stamp = Path(sys.prefix) / f"installed-triscore-{digest(ROOT / 'pyproject.toml')}"

    def install(report: Report) -> None:
        # Its build tool and dependencies are installed already: nothing is downloaded.
        options = ("--no-deps", "--no-build-isolation", "--disable-pip-version-check")
        command = [sys.executable, "-m", "pip", "install", *options, "--editable", str(ROOT)]
        run(command, "the triscore command", "Its build failed.", report)
        stamp.touch()

    return Step("triscore", stamp.exists, install)


def node_program() -> Step:
    """Node.js from PyPI, where the PATH has none that will do."""

    def is_done() -> bool:
        # npm installs Azurite, and nothing else.
        return node.is_usable(node.find_node(), with_npm=not _has_azurite())

    packages = locked_packages("Node.js, from PyPI", ROOT / "locks/node.txt")
    return Step(packages.title, is_done, packages.install)


def azurite() -> Step:
    return Step("Azurite, from npm", _has_azurite, _install_azurite)


def debian_package(package: str, program: str, *, otherwise: str, is_optional: bool) -> Step:
    """A Debian package. It counts as installed if its program is on the PATH."""

    def install(report: Report) -> None:
        sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
        hint = f"Try 'apt-get install {package}' as root."
        env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        run([*sudo, "apt-get", "update"], "the list of Debian's packages", hint, report, env)
        run([*sudo, "apt-get", "install", "-y", package], package, hint, report, env)

    return Step(
        package,
        lambda: shutil.which(program) is not None,
        install,
        _can_install_debian_packages,
        otherwise,
        is_optional,
    )


def demo_model() -> Step:
    return Step("the demo model", _has_model, _train_model)


def digest(requirements: Path) -> str:
    """The hash of a requirements file and of those that it includes."""
    whole = hashlib.sha256(requirements.read_bytes())
    for line in requirements.read_text().splitlines():
        if line.startswith("-r "):
            whole.update(digest(requirements.parent / line[3:].strip()).encode())
    return whole.hexdigest()[:16]


def _install_packages(
    python: str, options: Sequence[str], requirements: Path, stamp: Path, report: Report
) -> None:
    run(
        [
            *(python, "-m", "pip", "install", "--disable-pip-version-check"),
            *("--progress-bar", "off", *options, "-r", str(requirements)),
        ],
        "the Python packages",
        "Is the Python package registry reachable?",
        report,
    )
    stamp.touch()


def _can_install_debian_packages() -> bool:
    if not shutil.which("apt-get"):
        return False
    if os.geteuid() == 0:
        return True
    if not shutil.which("sudo"):
        return False
    # Without a password: nobody is asked for one in the middle of a set-up.
    return subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0


def _has_azurite() -> bool:
    try:
        manifest = STATE / "azurite/node_modules/azurite/package.json"
        return bool(json.loads(manifest.read_text())["version"] == AZURITE)
    except (OSError, ValueError):
        return False


def _install_azurite(report: Report) -> None:
    found = node.find_node()
    if found is None or found.npm is None:
        raise InstallError(f"Azurite needs Node.js {node.OLDEST} or newer with npm, found none.")
    part = STATE / "azurite.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    options = ("--no-audit", "--no-fund", "--prefix", str(part))
    run(
        [*found.npm, "install", *options, f"azurite@{AZURITE}"],
        "Azurite",
        "Is the npm registry reachable?",
        report,
        node.environment(found),
    )
    shutil.rmtree(STATE / "azurite", ignore_errors=True)
    part.rename(STATE / "azurite")


def _has_model() -> bool:
    """Whether it was trained after the last change of its script and of requirements.txt."""
    sources = (MODEL / "train.py", ROOT / "requirements.txt")
    try:
        trained = (MODEL / "triscore.json").stat().st_mtime
    except FileNotFoundError:
        return False
    return all(trained > source.stat().st_mtime for source in sources)


def _train_model(report: Report) -> None:
    train = [sys.executable, str(MODEL / "train.py")]
    describe = [sys.executable, "-m", "cli", "describe", str(MODEL.relative_to(ROOT))]
    describe += ["--rows", str(MODEL / "golden.csv")]
    for command in (train, describe):
        run(command, "the demo model", "Its training failed.", report)
