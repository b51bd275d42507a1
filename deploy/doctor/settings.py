"""Settings: each is such as the app takes, and none looks misspelt."""

from __future__ import annotations

from collections.abc import AsyncIterator

from deploy.doctor import names
from deploy.doctor.configured import Configured, Refusal
from deploy.doctor.findings import Finding
from local.host.errors import HostError


async def check(configured: Configured) -> AsyncIterator[Finding]:
    found = [_refused(configured, each) for each in configured.refused]
    for name, near in names.misspelt(configured.env):
        where = configured.source(name)
        found.append(Finding(f"{name}, set in {where}, is read by nobody", f"rename it to {near}"))
    runtime = configured.env.get("FUNCTIONS_WORKER_RUNTIME", "python")
    if runtime != "python":
        found.append(Finding(f"FUNCTIONS_WORKER_RUNTIME is {runtime!r}", "set it to python"))
    read = names.read_by_the_app() & set(configured.env)
    for each in found or [Finding(f"{len(read)} are set, and the app takes each")]:
        yield each


def _refused(configured: Configured, error: Refusal) -> Finding:
    if isinstance(error, HostError):
        return Finding("the file of settings was left out", str(error))
    told = f"{error.name}={error.value!r}, set in {configured.source(error.name)}"
    return Finding(told, f"set {error.expected}")
