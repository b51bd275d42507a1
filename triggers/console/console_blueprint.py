"""The console's routes: the page and its files, what the page shows, files to score, and `docs`.

The page, its files and the description of the model are anonymous, as `openapi.json` is. All else
needs the key that `score` needs.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import azure.functions as func

from inference.description.form import describe_form
from inference.serving.scorer import Scorer
from triggers import responses
from triggers.console import api_viewer, page_files
from triggers.http_exchange import guarded
from triggers.settings import TriggerSettings
from triggers.statuses import NO_FILE

FOLDER = Path(__file__).with_name("page")
ANONYMOUS = func.AuthLevel.ANONYMOUS


def blueprint(scorer: Scorer, settings: TriggerSettings) -> func.Blueprint:
    """`GET console`, `console/assets/{file}`, `console/model`, `docs`, `docs/assets/{file}`."""
    functions = func.Blueprint()

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
        return responses.json(200, await _description(scorer, settings))

    @functions.route("docs", methods=["GET"], auth_level=ANONYMOUS)
    @guarded
    async def docs(req: func.HttpRequest) -> func.HttpResponse:
        return await asyncio.to_thread(api_viewer.page, req)

    @functions.route("docs/assets/{file}", methods=["GET"], auth_level=ANONYMOUS)
    @guarded
    async def docs_assets(req: func.HttpRequest) -> func.HttpResponse:
        found = await asyncio.to_thread(api_viewer.asset, req)
        return found or responses.refusal(NO_FILE)

    return functions


async def _description(scorer: Scorer, settings: TriggerSettings) -> dict[str, Any]:
    """What the page is made of. `form` is null while the model loads."""
    health = await scorer.health()
    form = describe_form(await scorer.script()) if scorer.state == "ok" else None
    limits = scorer.settings.limits
    return {
        "model": {"status": health.model, "message": health.failure, **scorer.model.as_dict()},
        "form": form,
        "triggers": sorted(settings.triggers),
        "needs_key": settings.http_auth_level != "anonymous",
        "limits": {"body_bytes": limits.body_bytes, "rows": limits.rows},
    }
