"""`make` runs it as `local.demo.install run|test|test-long`: it brings what is missing.

Each step says what it does while it does it, and ends whole or not at all.
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
#: Azure ML's own server, which the tests run beside ours, in an environment of its own. The bench
#: has another, with other packages.
PEER = STATE / "peers/azureml-in-tests"
MODEL = ROOT / "models/digits"
AZURITE = "3.37.0"
NODE = 20
#: A lock names every package with its digests: pip installs those files and no others.
LOCKED = ("--require-hashes", "--no-deps")
#: Lines of a failed command's output that its sentence looks at.
TAIL = 40


class InstallError(Exception):
    """Something is missing and could not be brought; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that must be there."""

    title: str
    is_done: Callable[[], bool]
    bring: Callable[[Callable[[str], None]], None]


def main(arguments: Sequence[str] = sys.argv[1:]) -> int:
    peers = peer(PEER, ROOT / "tests/peers/requirements.txt")
    browser = _of_debian("chromium-driver", "chromedriver")
    kinds: dict[str, tuple[str, list[Step]]] = {
        "run": ("locks/run.txt", []),
        "test": ("locks/test.txt", [peers]),
        "test-long": ("locks/test.txt", [peers, browser]),
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
    """Bring what is missing of a lock's packages and the rest. Raises InstallError."""
    stamp = Path(sys.prefix) / f"installed-{lock.stem}-{_digest(lock)}"
    python = sys.executable
    steps = [
        Step(
            "Python packages",
            stamp.exists,
            lambda tell: _packages(python, LOCKED, lock, stamp, tell),
        ),
        _command(python),
        Step("Azurite, from npm", _has_azurite, _azurite),
        _of_debian("redis-server", "redis-server"),
        Step("the demo model", _has_model, _model),
        *more,
    ]
    _require_node()
    missing = [step for step in steps if not step.is_done()]
    if not missing:
        return
    with _progress() as progress:
        for step in missing:
            task = progress.add_task(step.title, total=1, line="")
            step.bring(lambda line, task=task: progress.update(task, line=line[:60]))  # type: ignore[misc]
            progress.update(task, completed=1, line="done")


def peer(home: Path, requirements: Path) -> Step:
    """An environment with these packages; one without its stamp was not finished: made anew."""
    stamp = home / f"installed-{_digest(requirements)}"

    def bring(tell: Callable[[str], None]) -> None:
        shutil.rmtree(home, ignore_errors=True)
        command = [sys.executable, "-m", "venv", str(home)]
        _run(command, "an environment for Azure ML's server", "is python3.13-venv there?", tell)
        _packages(str(home / "bin/python"), (), requirements, stamp, tell)

    return Step("Azure ML's server", stamp.exists, bring)


def _packages(
    python: str,
    options: Sequence[str],
    requirements: Path,
    stamp: Path,
    tell: Callable[[str], None],
) -> None:
    _run(
        [
            *(python, "-m", "pip", "install", "--disable-pip-version-check"),
            *("--progress-bar", "off", *options, "-r", str(requirements)),
        ],
        "the Python packages",
        "is the Python package registry reachable?",
        tell,
    )
    stamp.touch()


def _command(python: str) -> Step:
    """`triscore`, in this environment: the project itself, read from its folder."""
    stamp = Path(sys.prefix) / f"installed-triscore-{_digest(ROOT / 'pyproject.toml')}"

    def bring(tell: Callable[[str], None]) -> None:
        # Its build tool and all that it needs came before it: nothing is fetched.
        options = ("--no-deps", "--no-build-isolation", "--disable-pip-version-check")
        command = [python, "-m", "pip", "install", *options, "--editable", str(ROOT)]
        _run(command, "the triscore command", "its build failed.", tell)
        stamp.touch()

    return Step("triscore", stamp.exists, bring)


def _has_azurite() -> bool:
    try:
        manifest = STATE / "azurite/node_modules/azurite/package.json"
        return bool(json.loads(manifest.read_text())["version"] == AZURITE)
    except (OSError, ValueError):
        return False


def _azurite(tell: Callable[[str], None]) -> None:
    part = STATE / "azurite.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    _run(
        ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(part), f"azurite@{AZURITE}"],
        "Azurite",
        "is the npm registry reachable?",
        tell,
    )
    shutil.rmtree(STATE / "azurite", ignore_errors=True)
    part.rename(STATE / "azurite")


def _require_node() -> None:
    hint = f"Azurite, the storage emulator, needs Node {NODE} or newer with npm: "
    if not (shutil.which("node") and shutil.which("npm")):
        raise InstallError(f"{hint}none was found on the PATH; install it, then run this again.")
    told = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    major = told.stdout.strip().lstrip("v").partition(".")[0]
    if not major.isdigit() or int(major) < NODE:
        raise InstallError(f"{hint}found {told.stdout.strip()}; install a newer one.")


def _of_debian(package: str, program: str) -> Step:
    """A package of Debian's, which is there where its program is."""

    def bring(tell: Callable[[str], None]) -> None:
        if not shutil.which("apt-get"):
            raise InstallError(f"{program} is needed and was not found on the PATH: install it.")
        sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
        if sudo and not shutil.which("sudo"):
            raise InstallError(f"{package} is needed: as root, 'apt-get install {package}'.")
        hint = f"try 'apt-get install {package}' as root"
        env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        _run([*sudo, "apt-get", "update"], "the list of Debian's packages", hint, tell, env)
        _run([*sudo, "apt-get", "install", "-y", package], package, hint, tell, env)

    return Step(package, lambda: shutil.which(program) is not None, bring)


def _has_model() -> bool:
    """Trained, and not before its script or the library's pinned version last changed."""
    sources = (MODEL / "train.py", ROOT / "requirements.txt")
    try:
        trained = (MODEL / "model.json").stat().st_mtime
    except FileNotFoundError:
        return False
    return all(trained > source.stat().st_mtime for source in sources)


def _model(tell: Callable[[str], None]) -> None:
    train = [sys.executable, str(MODEL / "train.py")]
    describe = [sys.executable, "-m", "cli", "describe", str(MODEL.relative_to(ROOT))]
    describe += ["--rows", str(MODEL / "golden.csv")]
    for command in (train, describe):
        _run(command, "the demo model", "its training failed.", tell)


def _run(
    command: Sequence[str],
    what: str,
    hint: str,
    tell: Callable[[str], None],
    env: dict[str, str] | None = None,
) -> None:
    """Run a command and show its last line. Raises InstallError."""
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
                tell(line.strip())
    if process.returncode:
        said = _reason(tail)
        raise InstallError(
            f"{what} could not be installed, {hint} It said: {said} (all of it: "
            f"{log.relative_to(ROOT)})"
        )


def _reason(tail: Iterable[str]) -> str:
    """The line that says most: the first that calls itself an error, else the last."""
    lines = list(tail)
    errors = [line for line in lines if "error" in line.lower() and len(line) > len("npm error")]
    return (errors or lines[-1:] or ["nothing"])[0]


def _digest(requirements: Path) -> str:
    """Of a requirements file and those that it includes."""
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
