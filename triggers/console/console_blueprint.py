"""The console's routes: the page, what it shows, and the page of the OpenAPI document.

Pages, their files and the description of the model are anonymous, as `openapi.json` is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import azure.functions as func

from inference.serving.scorer import Scorer
from triggers import responses
from triggers.console import api_viewer, file_routes, page_files
from triggers.console.model_description import ModelDescription
from triggers.http_exchange import guarded
from triggers.settings import TriggerSettings
from triggers.statuses import NO_FILE

if TYPE_CHECKING:
    from triggers.console.dependencies import Dependencies

FOLDER = Path(__file__).with_name("page")
ANONYMOUS = func.AuthLevel.ANONYMOUS
#: Seconds for which the state of the dependencies is kept: several pages may ask for it.
STATE_S = 1.5


def blueprint(scorer: Scorer, settings: TriggerSettings, env: Mapping[str, str]) -> func.Blueprint:
    """`GET console`, `console/assets/{file}`, `console/model`, `console/state`, `docs`,
    `docs/assets/{file}` and the routes of `file_routes`. `env` has the connections' settings.
    """
    functions = func.Blueprint()
    state, description = State(env, settings), ModelDescription(scorer, settings)

    @functions.route("console", methods=["GET"], auth_level=ANONYMOUS)
    @guarded
    async def console(req: func.HttpRequest) -> func.HttpResponse:
        return await asyncio.to_thread(page_files.page, req, FOLDER / "console.html")

    @functions.route("console/assets/{file}", methods=["GET"], auth_level=ANONYMOUS)
    @guarded
    async def console_assets(req: func.HttpRequest) -> func.HttpResponse:
        found = await asyncio.to_thread(page_files.asset, req, FOLDER)
        return found or responses.refusal(NO_FILE)

    @functions.route("console/model", methods=["GET"], auth_level=ANONYMOUS)
    @guarded
    async def console_model(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the platform's shape
        return responses.json(200, await description.read())

    @functions.route("console/state", methods=["GET"])
    @guarded
    async def console_state(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - as above
        return responses.json(200, await state.read())

    @functions.route("docs", methods=["GET"], auth_level=ANONYMOUS)
    @guarded
    async def docs(req: func.HttpRequest) -> func.HttpResponse:
        return await asyncio.to_thread(api_viewer.page, req)

    @functions.route("docs/assets/{file}", methods=["GET"], auth_level=ANONYMOUS)
    @guarded
    async def docs_assets(req: func.HttpRequest) -> func.HttpResponse:
        found = await asyncio.to_thread(api_viewer.asset, req)
        return found or responses.refusal(NO_FILE)

    if "blob" in settings.triggers:
        file_routes.add_routes(functions, scorer, settings, env)
    return functions


class State:
    """The dependencies' state, asked of them at most every STATE_S."""

    def __init__(self, env: Mapping[str, str], settings: TriggerSettings) -> None:
        self._env, self._settings = env, settings
        self._lock = asyncio.Lock()
        self._known: tuple[float, dict[str, Any]] | None = None

    async def read(self) -> dict[str, Any]:
        async with self._lock:
            if self._known is None or self._known[0] < time.monotonic():
                found = await asyncio.to_thread(lambda: self._dependencies().read())
                self._known = time.monotonic() + STATE_S, found
            return self._known[1]

    @cache  # noqa: B019 - one of these lives as long as the app
    def _dependencies(self) -> Dependencies:
        # The SDKs take as long to import as the rest of the app.
        from triggers.console.dependencies import Dependencies  # noqa: PLC0415

        return Dependencies(self._env, self._settings)
