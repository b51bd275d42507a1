from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType

import pytest

from deploy import app_settings

ROOT = Path(__file__).resolve().parents[2]

Ask = Callable[..., Awaitable[list[str]]]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """`await ask(module, folder, NAME=value, …)`: the findings of one group, as text."""

    async def asked(module: ModuleType, folder: Path = ROOT, **env: str) -> list[str]:
        app = app_settings.read(folder, env=env, file=tmp_path / "no.settings.json")
        return [str(finding) async for finding in module.check(app)]

    return asked
