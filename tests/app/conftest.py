"""Fixtures that start the whole app."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import small_model
from tests.running_app import ROOT, App

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def make_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., App]]:
    """`make_app(**settings)`: the app, up and answering."""
    made: list[App] = []

    def make(
        *,
        without: str = "",
        model_dir: Path | None = None,
        app_dir: Path = ROOT,
        python: str = sys.executable,
        answers: str = "/api/health/ready",
        host_args: tuple[str, ...] = (),
        **env: str,
    ) -> App:
        folder = tmp_path_factory.mktemp("app")
        app = App.in_folder(
            *(folder, model_dir or small_model.save(folder), env),
            app_dir=app_dir,
            python=python,
            host_args=host_args,
        )
        made.append(app)
        app.start_servers(without=without)
        app.start_host(answers=answers)
        return app

    yield make
    for app in made:
        app.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from tests.app.browser import chromium

    with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def app(make_app: Callable[..., App]) -> App:
    """One app for all tests of a module."""
    return make_app()
