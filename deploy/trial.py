"""A package on trial: started once, in a process of its own that sees only what it brings.

The model loads, its golden rows agree, the script has init() and run(), the settings hold what the
app takes; and all of that with the packages that its requirements bring and no others.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy import closure, options, project_files
from deploy.errors import Refused
from deploy.pins import Pin

_START = Path(__file__).with_name("start.py")

#: Seconds that a model and a script have to load: more than any platform gives them.
START_S = 600


def start(
    package: Path, pins: Sequence[Pin], settings: Mapping[str, str] | None = None
) -> list[str]:
    """The names of the functions that a package has. Raises Refused where it does not start.

    `settings` stand above the package's own, as app settings do.
    """
    denied = closure.not_brought(pins)
    report = _run(package, denied, settings or {})
    if "functions" in report:
        functions: list[str] = report["functions"]
        return functions
    raise Refused(_sentence(report, denied))


def _run(package: Path, denied: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, Any]:
    # A script may need its user's environment, and no package has its user's settings. What it
    # raises is told to whoever runs the command.
    users = json.loads(project_files.find("local.settings.sample.json").read_text())["Values"]
    env = {name: text for name, text in os.environ.items() if name not in users}
    try:
        ended = subprocess.run(  # noqa: S603 - this very interpreter
            [sys.executable, "-I", "-B", str(_START)],
            input=json.dumps({"denied": list(denied)}),
            cwd=package,
            env={**env, **settings, "SHOW_SCRIPT_ERRORS": "true"},
            capture_output=True,
            text=True,
            check=False,
            timeout=START_S,
        )
    except subprocess.TimeoutExpired as error:
        raise Refused(
            f"model and script did not load within {START_S} s: what init() waits for must answer"
        ) from error
    try:
        report: dict[str, Any] = json.loads(ended.stdout)
    except ValueError:
        last = (ended.stderr.strip().splitlines() or ["nothing"])[-1]
        raise Refused(
            f"loading model and script ended the process with exit code {ended.returncode}: mend"
            f" what it last said: {last}"
        ) from None
    return report


def _sentence(report: Mapping[str, Any], denied: Mapping[str, str]) -> str:
    error, setting, module = report["error"], report["setting"], report["module"]
    if setting is not None:
        return f"{options.flag_of(setting)} {error}"
    if module in denied:
        return f"{error}; the requirements do not bring {module}: add {denied[module]} to them"
    if module is not None:
        return (
            f"{error}; the package does not have {module}: pin it in the requirements and install"
            " them here, or package a folder that holds the model, its script and that module"
        )
    return str(error)
