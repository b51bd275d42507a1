"""Downloads Microsoft's tests, puts the replaced modules beside them, and runs them; then ours of
the JavaScript SDK.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.service_bus_live import javascript

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / ".triscore" / "service-bus-live"
REPLACED = Path(__file__).with_name("replaced")

#: What the tests import and the project does not need. It goes to a folder of its own.
EXTRA = ("websocket-client==1.9.0",)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.service_bus_live", description=__doc__)
    parser.add_argument(
        "--processes", type=int, default=12, help="each with an emulator of its own"
    )
    parser.add_argument("--only", choices=["python", "javascript"])
    parser.add_argument("rest", nargs="*", help="options of pytest, after --")
    arguments = parser.parse_args()
    codes = []
    if arguments.only != "javascript":
        codes.append(_run_python(arguments))
    if arguments.only != "python":
        codes.append(javascript.run(WORK))
    return max(codes)


def _run_python(arguments: argparse.Namespace) -> int:
    tests = _prepare()
    report = WORK / "report.xml"
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tests)),
        *("-c", str(tests / "pytest.ini"), "-n", str(arguments.processes), "--timeout", "900"),
        "--show-capture=no",
        *("--junit-xml", str(report), *(arguments.rest or [str(tests)])),
    ]
    paths = [str(ROOT), str(WORK / "extra"), str(tests), str(tests / "mgmt_tests")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.run(command, cwd=tests, env=environment, check=False).returncode


def _prepare() -> Path:
    """The folder with the tests and the replaced modules."""
    version = importlib.metadata.version("azure-servicebus")
    source = WORK / f"azure_servicebus-{version}"
    if not source.exists():
        _pip("download", "-d", str(WORK), "--no-deps", "--no-binary", "azure-servicebus",
             f"azure-servicebus=={version}")  # fmt: skip
        with tarfile.open(WORK / f"azure_servicebus-{version}.tar.gz") as archive:
            archive.extractall(WORK, filter="data")
        _pip("install", "--no-deps", "--target", str(WORK / "extra"), *EXTRA)
    tests = source / "tests"
    shutil.copytree(REPLACED, tests, dirs_exist_ok=True)
    # It has another name here, so that pytest does not load it with the project's own tests.
    (tests / "live_conftest.py").replace(tests / "conftest.py")
    return tests


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *arguments]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    sys.exit(main())
