"""Fixtures that start the whole app."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import small_model
from tests.running_app import ROOT, App


@pytest.fixture(scope="module")
def make_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., App]]:
    """`make_app(**settings)`: the app, up and answering."""
    made: list[App] = []

    def make(
        *,
        without: str = "",
        app_dir: Path = ROOT,
        python: str = sys.executable,
        answers: str = "/api/health/ready",
        host_args: tuple[str, ...] = (),
        **env: str,
    ) -> App:
        folder = tmp_path_factory.mktemp("app")
        app = App.in_folder(
            *(folder, small_model.save(folder), env),
            app_dir=app_dir,
            python=python,
            host_args=host_args,
        )
        made.append(app)
        for server in (app.redis, app.azurite, app.servicebus):
            if server.server.name != without:
                server.start()
        app.start_host(answers=answers)
        return app

    yield make
    for app in made:
        app.stop()


@pytest.fixture(scope="module")
def app(make_app: Callable[..., App]) -> App:
    """One app for all tests of a module."""
    return make_app()
