"""Starts a package once, in a process that sees only the packages that its requirements install.

It finds a model that does not load or whose golden rows do not agree, a script without init() and
run(), settings that the app refuses, and packages that are missing from the requirements.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy import closure, options, project_files, script_needs
from deploy.errors import Refused
from deploy.pins import Pin

_START = Path(__file__).with_name("start.py")

#: Seconds that a model and a script may take to load: more than any platform allows.
START_S = 600


def start(
    package: Path,
    pins: Sequence[Pin],
    settings: Mapping[str, str] | None = None,
    *,
    script: Path | None = None,
) -> list[str]:
    """The names of a package's functions. Raises Refused if it does not start.

    `settings` take precedence over the package's own, as app settings do. `script` is read for what
    else it imports, if a module is missing.
    """
    denied = closure.missing_modules(pins)
    report = _run(package, denied, settings or {})
    if "functions" in report:
        functions: list[str] = report["functions"]
        return functions
    needs = {} if script is None else script_needs.missing(script, denied)
    raise Refused(_sentence(report, denied, needs))


def _run(package: Path, denied: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, Any]:
    # The process gets the user's environment, because a script may need it, without settings of the
    # app. The user sees what the script raises.
    sample = project_files.find("local.settings.sample.json")
    app_settings = json.loads(sample.read_text())["Values"]
    env = {name: text for name, text in os.environ.items() if name not in app_settings}
    try:
        ended = subprocess.run(  # noqa: S603 - this interpreter
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
            f"model and script did not load within {START_S} s: check what init() waits for"
        ) from error
    try:
        report: dict[str, Any] = json.loads(ended.stdout)
    except ValueError:
        last = (ended.stderr.strip().splitlines() or ["nothing"])[-1]
        raise Refused(
            f"loading model and script ended the process with exit code {ended.returncode}; its"
            f" last line was: {last}"
        ) from None
    return report


def _sentence(
    report: Mapping[str, Any], denied: Mapping[str, str], needs: Mapping[str, str]
) -> str:
    """`needs`: the missing modules that the script imports, each with a pin."""
    error, setting, module = report["error"], report["setting"], report["module"]
    if setting is not None:
        return f"{options.flag_of(setting)} {error}"
    if module is not None:
        needs = {**script_needs.denied_part(module, denied), **needs}
    if needs and (module is not None or "ImportError" in error):
        return f"{error}; {script_needs.sentence(needs)}"
    if module is not None:
        top = module.partition(".")[0]
        return (
            f"{error}; the package does not contain {top}: pin it in the requirements and"
            " install them here, or package a folder with the model, its script and that module"
        )
    return str(error)
