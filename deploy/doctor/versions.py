"""Versions: Python is the one that Azure runs, packages are those that requirements.txt pins."""

from __future__ import annotations

import platform
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from deploy import pins
from deploy.app_settings import AppSettings
from deploy.doctor.findings import Finding
from deploy.errors import Refused
from deploy.pins import Pin
from inference.errors import ModelUnavailable
from inference.models import manifest_file

#: The version of Python that the app runs on in Azure.
PYTHON = (3, 13)


async def check(app: AppSettings) -> AsyncIterator[Finding]:
    yield _python()
    try:
        required = pins.read(app.folder / "requirements.txt")
    except (Refused, OSError) as error:
        yield Finding("requirements.txt cannot be used", str(error))
        return
    for finding in _packages(required):
        yield finding
    if app.inference is not None:
        for finding in _model(app.inference.model_dir, required):
            yield finding


def _python() -> Finding:
    version = f"Python {platform.python_version()}"
    if sys.version_info[:2] == PYTHON:
        return Finding(version)
    wanted = ".".join(map(str, PYTHON))
    return Finding(
        f"{version}, and Azure runs the app on {wanted}", f"recreate .venv with Python {wanted}"
    )


def _packages(required: list[Pin]) -> Iterator[Finding]:
    others = [pin for pin in required if pins.installed_version(pin) != pin.version]
    for pin in others:
        yield Finding(
            f"requirements.txt pins {pin.name}=={pin.version}, installed is"
            f" {pins.installed_version(pin) or 'none'}",
            f"`pip install {pin.name}=={pin.version}`, or pin the installed version",
        )
    if not others:
        yield Finding(f"all {len(required)} packages of requirements.txt are installed as pinned")


def _model(folder: Path, required: list[Pin]) -> Iterator[Finding]:
    """Whether Azure loads the model with the version that its manifest was written with."""
    try:
        manifest = manifest_file.read(folder)
    except ModelUnavailable:
        return  # the check of model and script reports it
    served = None if manifest is None else manifest.effective()
    if served is None:
        return
    versions, pinned_versions = dict(served.versions), {pin.name: pin.version for pin in required}
    if served.distribution in versions or not versions:
        versions[served.distribution] = served.version
    for name, version in versions.items():
        pinned = pinned_versions.get(pins.normalize_name(name), "none")
        yield Finding(
            f"{served.file} was made with {name} {version}, and requirements.txt pins {pinned}",
            None
            if pinned == version
            else f"pin {name}=={version}, or train the model again with {name} {pinned}",
        )
