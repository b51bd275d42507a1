"""Model and script: the app starts as the platform starts it, in a process of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

from deploy import pins, trial
from deploy.app_settings import AppSettings
from deploy.doctor.findings import NOT_CHECKED, Finding
from deploy.errors import Refused


async def check(app: AppSettings) -> AsyncIterator[Finding]:
    if app.errors or app.inference is None:
        yield NOT_CHECKED  # the app would not start
        return
    folder = app.inference.model_dir
    script = app.inference.entry_script
    try:
        required = pins.read(app.folder / "requirements.txt")
        functions = trial.start(app.folder, required, app.env)
    except (Refused, OSError) as error:
        yield Finding(f"{folder.name} does not start", " ".join(str(error).split()))
        return
    name = "the built-in script" if script is None else script.name
    yield Finding(f"{folder.name} starts with {name}: {len(functions)} functions")
