"""`make` runs it as `local.demo.install run|test|test-long`: it brings what is missing.

Each step shows its progress. A step that was interrupted is repeated from its start.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".triscore"
#: The environment of Azure ML's own server, which the tests compare with ours. The bench has
#: another one, with other packages.
PEER = STATE / "peers/azureml-in-tests"
MODEL = ROOT / "models/digits"
AZURITE = "3.37.0"
NODE = 20
#: A lock lists every package with its hashes. pip installs those files and no others.
LOCKED = ("--require-hashes", "--no-deps")
#: The last lines of a failed command's output, in which its error is looked for.
TAIL = 40

#: Shows a line of a command's output.
Report = Callable[[str], None]


class InstallError(Exception):
    """Something could not be installed. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to install, if it is missing."""

    title: str
    is_done: Callable[[], bool]
    install: Callable[[Report], None]


def main(arguments: Sequence[str] = sys.argv[1:]) -> int:
    peers = peer(PEER, ROOT / "tests/peers/requirements.txt")
    browser = _debian_package("chromium-driver", "chromedriver")
    kinds: dict[str, tuple[str, list[Step]]] = {
        "run": ("locks/run.txt", []),
        "test": ("locks/test.txt", [peers]),
        "test-long": ("locks/test.txt", [peers, browser, _catboost()]),
    }
    if len(arguments) != 1 or arguments[0] not in kinds:
        print(f"usage: local.demo.install {'|'.join(kinds)}", file=sys.stderr)
        return 2
    lock, more = kinds[arguments[0]]
    try:
        install(ROOT / lock, *more)
    except InstallError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def install(lock: Path, *more: Step) -> None:
    """Install what is missing of a lock's packages and of the rest. Raises InstallError."""
    stamp = Path(sys.prefix) / f"installed-{lock.stem}-{_digest(lock)}"
    python = sys.executable
    steps = [
        Step(
            "Python packages",
            stamp.exists,
            lambda report: _install_packages(python, LOCKED, lock, stamp, report),
        ),
        _triscore_command(python),
        Step("Azurite, from npm", _has_azurite, _install_azurite),
        _debian_package("redis-server", "redis-server"),
        Step("the demo model", _has_model, _train_model),
        *more,
    ]
    _require_node()
    missing = [step for step in steps if not step.is_done()]
    if not missing:
        return
    with _progress() as progress:
        for step in missing:
            task = progress.add_task(step.title, total=1, line="")
            step.install(lambda line, task=task: progress.update(task, line=line[:60]))  # type: ignore[misc]
            progress.update(task, completed=1, line="done")


def peer(home: Path, requirements: Path) -> Step:
    """A separate environment with these packages. Without its stamp it is made anew."""
    stamp = home / f"installed-{_digest(requirements)}"

    def install_step(report: Report) -> None:
        shutil.rmtree(home, ignore_errors=True)
        command = [sys.executable, "-m", "venv", str(home)]
        _run(
            command, "an environment for Azure ML's server", "Is python3.13-venv installed?", report
        )
        _install_packages(str(home / "bin/python"), (), requirements, stamp, report)

    return Step("Azure ML's server", stamp.exists, install_step)


def _catboost() -> Step:
    lock = ROOT / "locks/test-long.txt"
    stamp = Path(sys.prefix) / f"installed-{lock.stem}-{_digest(lock)}"
    return Step(
        "CatBoost",
        stamp.exists,
        lambda report: _install_packages(sys.executable, LOCKED, lock, stamp, report),
    )


def _install_packages(
    python: str,
    options: Sequence[str],
    requirements: Path,
    stamp: Path,
    report: Report,
) -> None:
    _run(
        [
            *(python, "-m", "pip", "install", "--disable-pip-version-check"),
            *("--progress-bar", "off", *options, "-r", str(requirements)),
        ],
        "the Python packages",
        "Is the Python package registry reachable?",
        report,
    )
    stamp.touch()


def _triscore_command(python: str) -> Step:
    """The command `triscore`: the project itself, as an editable install."""
    stamp = Path(sys.prefix) / f"installed-triscore-{_digest(ROOT / 'pyproject.toml')}"

    def install_step(report: Report) -> None:
        # Its build tool and dependencies are installed already: nothing is downloaded.
        options = ("--no-deps", "--no-build-isolation", "--disable-pip-version-check")
        command = [python, "-m", "pip", "install", *options, "--editable", str(ROOT)]
        _run(command, "the triscore command", "Its build failed.", report)
        stamp.touch()

    return Step("triscore", stamp.exists, install_step)


def _has_azurite() -> bool:
    try:
        manifest = STATE / "azurite/node_modules/azurite/package.json"
        return bool(json.loads(manifest.read_text())["version"] == AZURITE)
    except (OSError, ValueError):
        return False


def _install_azurite(report: Report) -> None:
    part = STATE / "azurite.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    _run(
        ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(part), f"azurite@{AZURITE}"],
        "Azurite",
        "Is the npm registry reachable?",
        report,
    )
    shutil.rmtree(STATE / "azurite", ignore_errors=True)
    part.rename(STATE / "azurite")


def _require_node() -> None:
    hint = f"Azurite, the storage emulator, needs Node {NODE} or newer with npm: "
    if not (shutil.which("node") and shutil.which("npm")):
        raise InstallError(f"{hint}none was found on the PATH; install it and run this again.")
    result = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    major = result.stdout.strip().lstrip("v").partition(".")[0]
    if not major.isdigit() or int(major) < NODE:
        raise InstallError(f"{hint}found {result.stdout.strip()}; install a newer one.")


def _debian_package(package: str, program: str) -> Step:
    """A Debian package. It counts as installed if its program is on the PATH."""

    def install_step(report: Report) -> None:
        if not shutil.which("apt-get"):
            raise InstallError(f"{program} was not found on the PATH: install it.")
        sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
        if sudo and not shutil.which("sudo"):
            raise InstallError(f"{program} was not found: run 'apt-get install {package}' as root.")
        hint = f"Try 'apt-get install {package}' as root."
        env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        _run([*sudo, "apt-get", "update"], "the list of Debian's packages", hint, report, env)
        _run([*sudo, "apt-get", "install", "-y", package], package, hint, report, env)

    return Step(package, lambda: shutil.which(program) is not None, install_step)


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
        _run(command, "the demo model", "Its training failed.", report)


def _run(
    command: Sequence[str],
    what: str,
    hint: str,
    report: Report,
    env: dict[str, str] | None = None,
) -> None:
    """Run a command and report each line of output. Raises InstallError."""
    log = STATE / "logs" / "install.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    tail: deque[str] = deque(maxlen=TAIL)
    with (
        log.open("a") as kept,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=env,
        ) as process,
    ):
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        for line in process.stdout:
            kept.write(line)
            if line.strip():
                tail.append(line.strip())
                report(line.strip())
    if process.returncode:
        reason = _reason(tail)
        raise InstallError(
            f"{what} could not be installed: {reason.rstrip('.')}. {hint} "
            f"Full output: {log.relative_to(ROOT)}"
        )


def _reason(tail: Iterable[str]) -> str:
    """The first line with the word error, or else the last line."""
    lines = list(tail)
    errors = [line for line in lines if "error" in line.lower() and len(line) > len("npm error")]
    return (errors or lines[-1:] or ["no output"])[0]


def _digest(requirements: Path) -> str:
    """The hash of a requirements file and of those that it includes."""
    whole = hashlib.sha256(requirements.read_bytes())
    for line in requirements.read_text().splitlines():
        if line.startswith("-r "):
            whole.update(_digest(requirements.parent / line[3:].strip()).encode())
    return whole.hexdigest()[:16]


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description:18}"),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[line]}", markup=True),
        console=Console(stderr=True),
    )


if __name__ == "__main__":
    sys.exit(main())
