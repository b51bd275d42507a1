"""Settings: the app accepts each value, and no name looks misspelt."""

from __future__ import annotations

from collections.abc import AsyncIterator

from deploy.app_settings import AppSettings, SettingsError
from deploy.doctor import names
from deploy.doctor.findings import Finding
from deploy.errors import Refused


async def check(app: AppSettings) -> AsyncIterator[Finding]:
    found = [_setting_finding(app, error) for error in app.errors]
    for name, near in names.misspelt(app.env):
        found.append(
            Finding(
                f"{name}, set in {app.source(name)}, is not a setting of the app",
                f"rename it to {near}",
            )
        )
    runtime = app.env.get("FUNCTIONS_WORKER_RUNTIME", "python")
    if runtime != "python":
        found.append(Finding(f"FUNCTIONS_WORKER_RUNTIME is {runtime!r}", "set it to python"))
    count = len(names.read_by_the_app() & set(app.env))
    values = "1 setting is set, and the app accepts it"
    if count != 1:
        values = f"{count} settings are set, and the app accepts each"
    for finding in found or [Finding(values)]:
        yield finding


def _setting_finding(app: AppSettings, error: SettingsError) -> Finding:
    if isinstance(error, Refused):
        return Finding("the settings file was left out", str(error))
    message = f"{error.name}={error.value!r}, set in {app.source(error.name)}, is not accepted"
    return Finding(message, f"set {error.expected}")
