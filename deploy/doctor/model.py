"""Model and script: the folder starts as the platform starts it, in a process of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

from deploy import pins, trial
from deploy.doctor.configured import Configured
from deploy.doctor.findings import UNREAD, Finding
from deploy.errors import Refused


async def check(configured: Configured) -> AsyncIterator[Finding]:
    if configured.refused or configured.inference is None:
        yield UNREAD  # the app would not start
        return
    folder = configured.inference.model_dir
    script = configured.inference.entry_script
    try:
        required = pins.read(configured.folder / "requirements.txt")
        functions = trial.start(configured.folder, required, configured.env)
    except (Refused, OSError) as error:
        yield Finding(f"{folder.name} does not start", " ".join(str(error).split()))
        return
    told = "the built-in script" if script is None else script.name
    yield Finding(f"{folder.name} starts with {told}: {len(functions)} functions")
