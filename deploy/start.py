"""Starts a package once, as the platform does. deploy.trial runs this file in isolated mode.

The working directory is the package. Standard input is {"denied": [module, …]}: modules that are
treated as not installed. Standard output is {"functions": [name, …]}, or {"error", "setting",
"module"}: the message, and the setting or missing module that causes it, or null.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.abc
import json
import os
import site
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

_PROJECT = str(Path(__file__).resolve().parent.parent)


class _Denied(importlib.abc.MetaPathFinder):
    """Finds some modules as if their packages were not installed."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules, self._installed = frozenset(modules), tuple(site.getsitepackages())

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, _target: object = None
    ) -> ModuleSpec | None:
        if name not in self._modules:
            return None
        # A module of this name may lie beside the script.
        searched = sys.path if path is None else path
        places = [place for place in searched if not place.startswith(self._installed)]
        if spec := PathFinder.find_spec(name, places):
            return spec
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def main() -> None:
    # What a model or script prints goes to standard error, not into the report.
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    # An editable install puts this project on the path. In Azure there is only the package.
    sys.path[:] = [place for place in sys.path if place != _PROJECT]
    sys.meta_path.insert(0, _Denied(json.load(sys.stdin)["denied"]))
    sys.path.insert(0, str(Path.cwd()))
    try:
        report: dict[str, Any] = {"functions": _start()}
    except BaseException as error:  # noqa: BLE001 - a model is code, which may raise anything
        report = _describe(error)
    json.dump(report, output)
    output.close()
    os._exit(0)  # without waiting for threads of the script


def _start() -> list[str]:
    """Import the app and wait for its model; returns the names of its functions."""
    module = importlib.import_module("function_app")
    functions = [each.get_function_name() for each in module.app.get_functions()]
    asyncio.run(_load(module.scorer))
    return functions


async def _load(scorer: Any) -> None:
    from inference.errors import Overloaded  # noqa: PLC0415 - the package's

    while scorer.state == "loading":
        with contextlib.suppress(Overloaded):  # it is still loading
            await scorer.script()
    await scorer.script()


def _describe(error: BaseException) -> dict[str, Any]:
    from inference.errors import ScoringError, SettingError  # noqa: PLC0415 - the package's

    text = str(error) if isinstance(error, ScoringError) else f"{type(error).__name__}: {error}"
    setting = None
    if isinstance(error, SettingError):
        setting, text = error.name, f"{error.value}: expected {error.expected}"
    return {"error": text, "setting": setting, "module": _missing(error)}


def _missing(error: BaseException | None) -> str | None:
    """The module whose absence caused the error, or None."""
    while error is not None:
        if isinstance(error, ModuleNotFoundError):
            return error.name or ""
        error = error.__cause__ or error.__context__
    return None


if __name__ == "__main__":
    main()
