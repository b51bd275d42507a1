"""Routes about the app itself: health, metrics and its description."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import azure.functions as func

from inference.counters.instance import Instance
from inference.description.interface import UNKNOWN, Interface, describe
from inference.models import ModelId
from inference.rows.formats import json_codec
from inference.serving.health import Health
from inference.serving.scorer import Scorer
from inference.serving.shutdown import run_with_loop
from triggers import responses
from triggers.description import openapi, swagger
from triggers.http_exchange import guarded
from triggers.responses import RETRY_AFTER
from triggers.settings import TriggerSettings
from triggers.statuses import UNKNOWN_VERSION

#: Seconds between two times that a worker publishes its gauges (for example the length of its
#: queues). Counters are always up to date.
PUBLISH_S = 1.0


def blueprint(
    scorer: Scorer, settings: TriggerSettings, paths: Mapping[str, Any] | None = None
) -> func.Blueprint:
    """`GET health/live`, `health/ready`, `metrics`, `openapi.json`, `swagger.json`.

    `paths`: path items of other blueprints, for the OpenAPI document.
    """
    functions = func.Blueprint()
    run_with_loop(_publish_forever(scorer))

    @functions.route("health/live", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
    @guarded
    async def live(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the platform's shape
        return responses.json(200, {"status": "ok"})

    @functions.route("health/ready", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
    @guarded
    async def ready(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - as above
        health = await scorer.health()
        return _readiness(scorer.model, health)

    @functions.route("metrics", methods=["GET"])
    @guarded
    async def metrics(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - as above
        health = await scorer.health()
        cache = frozenset(scorer.publish())
        return await asyncio.to_thread(_exposition, scorer.model, health, scorer.instance, cache)

    @functions.route("openapi.json", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
    @guarded
    async def openapi_json(req: func.HttpRequest) -> func.HttpResponse:
        document = openapi.document(
            scorer.model, await _interface(scorer), settings, prefix=_prefix(req), more=paths or {}
        )
        return responses.body(200, json_codec.dumps(document))

    @functions.route("swagger.json", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
    @guarded
    async def swagger_json(req: func.HttpRequest) -> func.HttpResponse:
        declared = (await _interface(scorer)).declared
        # The platform's own parser drops empty arguments and joins repeated ones.
        asked = parse_qs(urlsplit(req.url).query, keep_blank_values=True).get("version")
        try:
            version = swagger.version_of(asked[0] if asked else swagger.DEFAULT, declared)
        except swagger.UnknownVersion as error:
            return responses.refusal(UNKNOWN_VERSION, str(error))
        key = settings.http_auth_level != "anonymous"
        document = swagger.document(version, scorer.model, declared, prefix=_prefix(req), key=key)
        return responses.body(200, json_codec.dumps(document))

    return functions


async def _publish_forever(scorer: Scorer) -> None:
    """Keep what the other workers read of this one up to date."""
    while True:
        await asyncio.sleep(PUBLISH_S)
        scorer.publish()


def _readiness(model_id: ModelId, health: Health) -> func.HttpResponse:
    model = {
        "status": health.model,
        "answers": health.answers,
        **model_id.as_dict(),
        "packages": health.packages,
    }
    if health.failure:
        model["message"] = health.failure
    cache: dict[str, str] = {"status": health.cache}
    if health.degradation:
        cache |= {"reason": health.degradation.code, "message": health.degradation.message}
    is_ready = health.model == "ok"
    return responses.json(
        200 if is_ready else 503,
        {"status": health.status, "dependencies": {"model": model, "cache": cache}},
        {} if is_ready else RETRY_AFTER,
    )


def _exposition(
    model: ModelId, health: Health, instance: Instance, cache: frozenset[str]
) -> func.HttpResponse:
    # The first scrape imports the library, in a thread: neither startup nor the event loop waits.
    from triggers.description.metrics import Snapshot  # noqa: PLC0415

    return Snapshot(model, health, instance.read(), cache).response()


async def _interface(scorer: Scorer) -> Interface:
    """The documents don't wait for the model: while it loads they leave its part open."""
    if scorer.state != "ok":
        return UNKNOWN
    return describe(await scorer.script(), scorer.settings.columns)


def _prefix(req: func.HttpRequest) -> str:
    """The prefix of the app's routes, from the document's own address: `/api`."""
    path: str = urlsplit(req.url).path
    return path.rpartition("/")[0]
