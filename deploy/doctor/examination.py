"""All checks, group by group: none stops the others."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from importlib import import_module

from deploy.doctor.configured import Configured
from deploy.doctor.findings import Check, Finding

#: Each group with its module, imported when its turn comes: each SDK only where it is needed.
GROUPS = {
    "settings": "settings",
    "versions": "versions",
    "model and script": "model",
    "redis": "redis_server",
    "storage": "storage",
    "service bus": "service_bus",
    "http": "http_trigger",
}

#: What of a URL or a connection string is nobody's to see, wherever an SDK may repeat it.
_SECRET = re.compile(r"//[^/@]*:([^/@]{4,})@|(?:Key|Signature|sig)=([^;&]{4,})")


async def examine(configured: Configured) -> AsyncIterator[tuple[str, Finding]]:
    """What there is to say, each with its group, in their order."""
    secrets = _secrets(configured.env)
    for group, module in GROUPS.items():
        async for finding in _group(module, configured):
            yield group, _hidden(finding, secrets)


async def _group(module: str, configured: Configured) -> AsyncIterator[Finding]:
    try:
        check: Check = import_module(f"deploy.doctor.{module}").check
        async for finding in check(configured):
            yield finding
    except ModuleNotFoundError as error:
        yield Finding(
            f"cannot be checked without {error.name}",
            "`pip install -r local/host/requirements.txt`",
        )
    except Exception as error:  # noqa: BLE001 - an SDK may raise anything
        told = (str(error).strip() or "without a word").splitlines()[0]
        yield Finding("could not be checked", f"look into {type(error).__name__}: {told}")


def _secrets(env: Mapping[str, str]) -> list[str]:
    return [
        part for text in env.values() for found in _SECRET.findall(text) for part in found if part
    ]


def _hidden(finding: Finding, secrets: list[str]) -> Finding:
    for secret in secrets:
        told = finding.told.replace(secret, "***")
        finding = replace(
            finding, told=told, mend=finding.mend and finding.mend.replace(secret, "***")
        )
    return finding
