from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType

import pytest

from deploy import doctor

ROOT = Path(__file__).resolve().parents[2]

Ask = Callable[..., Awaitable[list[str]]]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """`await ask(module, folder, NAME=value, …)`: what one group of the doctor's says."""

    async def asked(module: ModuleType, folder: Path = ROOT, **env: str) -> list[str]:
        configured = doctor.read(folder, env=env, file=tmp_path / "no.settings.json")
        return [str(finding) async for finding in module.check(configured)]

    return asked
