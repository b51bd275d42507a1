"""A user's script as a module: found, imported, its two functions taken out."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from inference.errors import ModelUnavailable
from inference.scripts import independent_rows, inference_schema
from inference.scripts.aml import aliases
from inference.scripts.question import Run

#: What the script is called among the modules; its file may be named like any of them.
MODULE = "entry_script"


@dataclass(frozen=True, slots=True)
class EntryPoints:
    """A script's two functions, whether `run` asked for the request itself, and its declaration."""

    init: Callable[[], Any]
    run: Run
    raw: bool
    rows_independent: bool


def load(file: Path) -> EntryPoints:
    """Import a script. Raises ModelUnavailable, and whatever the script raises."""
    aliases.install()
    aliases.forget_rawhttp()
    inference_schema.forget(MODULE)
    module = _import(file)
    for name in ("init", "run"):
        if not callable(getattr(module, name, None)):
            raise ModelUnavailable(f"{file.name} needs init() and run(data): it has no {name}()")
    driven = _driven(module)
    return EntryPoints(
        init=module.init,
        run=driven.run,
        raw=aliases.asked_for_rawhttp(),
        rows_independent=_declares(driven, independent_rows.DECLARATION),
    )


def _declares(module: ModuleType, name: str) -> bool:
    declared = getattr(module, name, False)
    if not isinstance(declared, bool):
        raise ModelUnavailable(f"{name} must be True or False, not a {type(declared).__name__}")
    return declared


def _driven(module: ModuleType) -> ModuleType:
    """The module whose `run` counts.

    The Azure SDK generates proxies that keep the user's script in `driver_module`. Their init()
    does work of its own, their run() only passes on, and not by name.
    """
    driven = getattr(module, "driver_module", None)
    if isinstance(driven, ModuleType) and callable(getattr(driven, "run", None)):
        return driven
    return module


def _import(file: Path) -> ModuleType:
    """A script as a module of its own; it may import what lies beside it."""
    spec = importlib.util.spec_from_file_location(MODULE, file)
    if spec is None or spec.loader is None:
        raise ModelUnavailable(f"{file.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.append(str(file.parent))
    spec.loader.exec_module(module)
    return module
