"""What operators and clients ask about the app: is it up, can it answer, what does it take."""

from __future__ import annotations

import azure.functions as func

from inference.scorer import Scorer
from triggers import openapi, responses


def blueprint(scorer: Scorer) -> func.Blueprint:
    """`GET health/live`, `GET health/ready`, `GET openapi.json`."""
    functions = func.Blueprint()

    @functions.route("health/live", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
    async def live(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the platform's shape
        return responses.json(200, {"status": "ok"})

    @functions.route("health/ready", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
    async def ready(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - as above
        health = await scorer.health()
        model: dict[str, str | None] = {"status": health.model, **scorer.model.as_dict()}
        if health.failure:
            model["message"] = health.failure
        return responses.json(
            200 if health.model == "ok" else 503,
            {
                "status": health.status,
                "dependencies": {"model": model, "cache": {"status": health.cache}},
            },
        )

    @functions.route("openapi.json", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
    async def openapi_json(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - as above
        return responses.json(200, openapi.document(scorer.model))

    return functions
