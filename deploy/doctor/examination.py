"""All checks, group by group. A check that fails does not stop the others."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from importlib import import_module

from deploy.app_settings import AppSettings
from deploy.doctor.findings import Check, Finding

#: Each group with its module, which is imported when its turn comes: a missing SDK costs one group.
GROUPS = {
    "settings": "settings",
    "versions": "versions",
    "model and script": "model",
    "redis": "redis_server",
    "storage": "storage",
    "service bus": "service_bus",
    "http": "http_trigger",
}

#: The secret parts of a URL or a connection string. An SDK's error message may repeat them.
_SECRET = re.compile(r"//[^/@]*:([^/@]{4,})@|(?:Key|Signature|sig)=([^;&]{4,})")


async def examine(app: AppSettings) -> AsyncIterator[tuple[str, Finding]]:
    """Every finding with its group, as each check makes it."""
    secrets = _secrets(app.env)
    for group, module in GROUPS.items():
        async for finding in _run(module, app):
            yield group, _without(secrets, finding)


async def _run(module: str, app: AppSettings) -> AsyncIterator[Finding]:
    try:
        check: Check = import_module(f"deploy.doctor.{module}").check
        async for finding in check(app):
            yield finding
    except ModuleNotFoundError as error:
        yield Finding(
            f"not checked: {error.name} is not installed",
            "`pip install -r requirements.txt`",
        )
    except Exception as error:  # noqa: BLE001 - an SDK may raise anything
        text = (str(error).strip() or "no message").splitlines()[0]
        yield Finding("the check failed", f"look into {type(error).__name__}: {text}")


def _secrets(env: Mapping[str, str]) -> list[str]:
    return [
        part for text in env.values() for found in _SECRET.findall(text) for part in found if part
    ]


def _without(secrets: list[str], finding: Finding) -> Finding:
    message, fix = finding.message, finding.fix
    for secret in secrets:
        message = message.replace(secret, "***")
        fix = fix and fix.replace(secret, "***")
    return Finding(message, fix)
