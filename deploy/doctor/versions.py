"""Versions: Python is Azure's, packages are those of requirements.txt and of the model."""

from __future__ import annotations

import platform
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from deploy import pins
from deploy.doctor.configured import Configured
from deploy.doctor.findings import Finding
from deploy.errors import Refused
from deploy.pins import Pin
from inference.errors import ModelUnavailable
from inference.models import manifests

#: What the app runs on in Azure.
PYTHON = (3, 13)

#: What brings each framework of a manifest.
_PACKAGES = {"scikit-learn": "scikit-learn", "onnx": "onnxruntime"}


async def check(configured: Configured) -> AsyncIterator[Finding]:
    yield _python()
    try:
        required = pins.read(configured.folder / "requirements.txt")
    except (Refused, OSError) as error:
        yield Finding("requirements.txt cannot be used", str(error))
        return
    for finding in _packages(required):
        yield finding
    if configured.inference is not None:
        for finding in _model(configured.inference.model_dir, required):
            yield finding


def _python() -> Finding:
    told = f"Python {platform.python_version()}"
    if sys.version_info[:2] == PYTHON:
        return Finding(told)
    wanted = ".".join(map(str, PYTHON))
    return Finding(told, f"make .venv anew with Python {wanted}, which Azure runs the app on")


def _packages(required: list[Pin]) -> Iterator[Finding]:
    others = [pin for pin in required if pins.installed(pin) != pin.version]
    for pin in others:
        yield Finding(
            f"requirements.txt pins {pin.name}=={pin.version}, and here is"
            f" {pins.installed(pin) or 'none'}",
            f"`pip install {pin.name}=={pin.version}`, or pin the one that is here",
        )
    if not others:
        yield Finding(f"all {len(required)} packages of requirements.txt are here as pinned")


def _model(folder: Path, required: list[Pin]) -> Iterator[Finding]:
    """Whether what loads the model in Azure is what it was described with."""
    try:
        manifest = manifests.read(folder)
    except ModelUnavailable:
        return  # it is the start's to say
    served = None if manifest is None else manifest.effective()
    if served is None or served.framework not in _PACKAGES:
        return
    package = _PACKAGES[served.framework]
    pinned = {pin.name: pin.version for pin in required}.get(package, "none")
    yield Finding(
        f"{served.file} was described with {package} {served.version}, and requirements.txt pins"
        f" {pinned}",
        None
        if pinned == served.version
        else f"pin {package}=={served.version}, or describe it anew with"
        " `python -m deploy manifest` once its answers are right",
    )
