"""Looks at the model folder before anything is started: what misses is said at once."""

from __future__ import annotations

import subprocess
import sys

from local.demo.errors import DemoError
from local.demo.golden_rows import find_manifest
from local.demo.host_server import ROOT
from local.demo.screen import console
from local.demo.settings import AppSettings


def require_model(settings: AppSettings) -> None:
    """Raises DemoError if the app could not serve the folder.

    A model file is code, so a model without a manifest is described only if a person says so.
    """
    folder, name = settings.model_dir, settings.model_dir_name
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing"
        raise DemoError(
            f"AZUREML_MODEL_DIR={name}: expected a folder with a model in it, found {found} there"
        )
    if settings.entry_script or settings.allow_unpinned_model or find_manifest(folder):
        return
    if all(file.name.startswith(".") for file in folder.iterdir()):
        raise DemoError(f"{name} is empty: put a model file or a score.py there")
    _offer_to_describe(name)


def _offer_to_describe(name: str) -> None:
    """Describe the model if a person at a terminal agrees. Raises DemoError."""
    command = f"./triscore describe {name}"
    if not (console.is_terminal and sys.stdin.isatty()):
        raise DemoError(
            f"{name} has no triscore.json yet: `{command}` loads the model, which is code, and"
            " writes one (add `--rows FILE` for a model of named columns)"
        )
    console.print(
        f"{name} has no triscore.json yet. `{command}` writes one. It loads the model, and a model"
        " file is code: go on only if you trust it."
    )
    if console.input("Describe it now? [y/N] ", markup=False).strip().lower() not in ("y", "yes"):
        raise DemoError(f"{name} is not described: `{command}` does it")
    done = subprocess.run([sys.executable, "-m", "cli", "describe", name], cwd=ROOT, check=False)
    if done.returncode:
        raise DemoError(f"{name} could not be described; `{command} --help` lists what may help")
    console.print()
