"""Imports a user's script and finds its two functions."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from inference.errors import ModelUnavailable
from inference.models import user_modules
from inference.scripts import failed_answers, independent_rows, inference_schema
from inference.scripts.aml import aliases
from inference.scripts.failed_answers import FailureCheck
from inference.scripts.question import Run

#: The script's name in sys.modules. Its file may be named like another module.
MODULE = "entry_script"
#: Modules that collect the data of an endpoint: Azure ML's monitoring.
_COLLECTORS = ("azureml.ai.monitoring", "azureml.monitoring")


@dataclass(frozen=True, slots=True)
class EntryPoints:
    """A script's `init` and `run`, and what it says of `run`."""

    init: Callable[[], Any]
    run: Run
    #: Whether `run` is decorated with @rawhttp.
    raw: bool
    #: Whether the script declares `rows_independent = True`.
    rows_independent: bool
    #: Whether the script's answers may be cached.
    cacheable: bool
    #: Which answers are failures, and not cached.
    is_failure: FailureCheck


def load(file: Path, model_dir: Path | None = None) -> EntryPoints:
    """Import a script. Raises ModelUnavailable, and any exception of the script's own.

    `model_dir`: AZUREML_MODEL_DIR, by default the script's folder.
    """
    aliases.install(model_dir or file.parent)
    aliases.reset_rawhttp()
    inference_schema.forget_schemas(MODULE)
    with aliases.unavailable_names():
        module = _import(file)
    for name in ("init", "run"):
        if not callable(getattr(module, name, None)):
            raise ModelUnavailable(f"{file.name} needs init() and run(data): it has no {name}()")
    user = _user_module(module)
    return EntryPoints(
        init=module.init,
        run=user.run,
        raw=aliases.is_rawhttp_used(),
        rows_independent=_is_declared(user, independent_rows.DECLARATION, default=False),
        cacheable=_is_declared(user, failed_answers.CACHEABLE, default=not _collects_data()),
        is_failure=_failure_check(user),
    )


def _collects_data() -> bool:
    """Whether a script collects what it was asked: each request must reach it then."""
    return any(name in sys.modules for name in _COLLECTORS)


def _failure_check(module: ModuleType) -> FailureCheck:
    check: FailureCheck = getattr(module, failed_answers.CHECK, failed_answers.reports_error)
    if not callable(check):
        raise ModelUnavailable(f"{failed_answers.CHECK}: expected a function of an answer")
    return check


def _is_declared(module: ModuleType, name: str, *, default: bool) -> bool:
    declared = getattr(module, name, default)
    if not isinstance(declared, bool):
        got = type(declared).__name__
        raise ModelUnavailable(f"{name}: expected True or False, got a value of type {got}")
    return declared


def _user_module(module: ModuleType) -> ModuleType:
    """The module whose `run` is called.

    A proxy that the Azure SDK generates keeps the user's script in `driver_module`. The proxy's
    init() does work of its own, but its run() only passes its arguments on, and not by name.
    """
    driver = getattr(module, "driver_module", None)
    if isinstance(driver, ModuleType) and callable(getattr(driver, "run", None)):
        return driver
    return module


def _import(file: Path) -> ModuleType:
    """The script as a module. It may import modules from its own folder.

    A process that loads a script again, as a notebook does, imports its modules again: they may
    have changed.
    """
    folder = user_modules.add(file.parent)
    folder.forget()
    loader = user_modules.UserLoader(MODULE, str(file))
    spec = importlib.util.spec_from_file_location(MODULE, file, loader=loader)
    if spec is None or spec.loader is None:
        raise ModelUnavailable(f"{file.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
