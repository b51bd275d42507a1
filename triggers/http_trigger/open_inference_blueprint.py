"""The Open Inference Protocol (V2) over the HTTP trigger.

Its paths lie below the route prefix of host.json, which clients take as a base path: `/api/v2/…`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import azure.functions as func

from inference.open_inference import answering, metadata
from inference.request import Request
from inference.scripts import EstimatorScript
from inference.serving.deadlines import Wait
from inference.serving.scorer import Scorer
from triggers import http_exchange, responses
from triggers.http_trigger import http_spans
from triggers.responses import RETRY_AFTER

SERVER = {"name": "triscore", "version": "0.1.0", "extensions": ["binary_tensor_data"]}
MODEL = "v2/models/{name}"
VERSION = "v2/models/{name}/versions/{version}"


def blueprint(scorer: Scorer) -> func.Blueprint:
    """`POST …/infer` needs a key as `score` does. The routes that describe need none."""
    functions = func.Blueprint()
    handler = OpenInferenceHandler(scorer)
    for name, route, describe in (
        ("v2", "v2", handler.server),
        ("v2_live", "v2/health/live", handler.live),
        ("v2_ready", "v2/health/ready", handler.ready),
        ("v2_model", MODEL, handler.model),
        ("v2_version", VERSION, handler.model),
        ("v2_model_ready", f"{MODEL}/ready", handler.model_ready),
        ("v2_version_ready", f"{VERSION}/ready", handler.model_ready),
    ):
        read = functions.route(route, methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
        functions.function_name(name)(read(describe))
    infer = http_spans.traced("v2/models/{name}/infer", handler.infer)
    for name, route in (("v2_infer", MODEL), ("v2_version_infer", VERSION)):
        score = functions.route(f"{route}/infer", methods=["POST"])
        functions.function_name(name)(score(infer))
    return functions


class OpenInferenceHandler:
    """Finds the model, calls the core once, renders."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer

    async def server(self, req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG002 - the platform's shape
        return responses.json(200, SERVER)

    async def live(self, req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG002 - as above
        return responses.json(200, {"live": True})

    async def ready(self, req: func.HttpRequest) -> func.HttpResponse:
        return await self._respond_at_once(req, lambda: self._readiness({}))

    async def model_ready(self, req: func.HttpRequest) -> func.HttpResponse:
        return await self._respond_at_once(
            req, lambda: self._unknown(req) or self._readiness({"name": self._scorer.model.name})
        )

    async def model(self, req: func.HttpRequest) -> func.HttpResponse:
        """The tensors that the model takes and gives."""
        return await self._respond(req, lambda *_: self._describe(req))

    async def infer(self, req: func.HttpRequest) -> func.HttpResponse:
        """The model's answer to tensors."""
        began = time.perf_counter()
        response = await self._respond(req, partial(self._infer, req))
        http_exchange.report(self._scorer.finished, "v2", response, began)
        return response

    async def _respond(
        self,
        req: func.HttpRequest,
        answer: Callable[[Request, Wait], Awaitable[func.HttpResponse]],
    ) -> func.HttpResponse:
        async def in_time(request: Request) -> func.HttpResponse:
            with self._scorer.request_deadline(request) as wait:
                return await answer(request, wait)

        return await http_exchange.respond_to_request(
            req, in_time, _render_error, within_s=self._scorer.settings.scoring_timeout_s
        )

    async def _describe(self, req: func.HttpRequest) -> func.HttpResponse:
        script = await self._scorer.script()
        if unknown := self._unknown(req):
            return unknown
        model, folder = self._scorer.model, self._scorer.settings.model_dir
        return responses.json(
            200, await asyncio.to_thread(metadata.describe, model, script, folder)
        )

    async def _infer(
        self, req: func.HttpRequest, request: Request, wait: Wait
    ) -> func.HttpResponse:
        script = await self._scorer.script()
        if unknown := self._unknown(req):
            return unknown
        if not isinstance(script, EstimatorScript):
            return _render_error(
                501, "no_tensors", "the model's own script takes no tensors: POST to score instead"
            )
        answer = await answering.infer(self._scorer, script, request, wait)
        return responses.answer(answer, self._scorer.model.version)

    async def _respond_at_once(
        self, req: func.HttpRequest, render: Callable[[], func.HttpResponse]
    ) -> func.HttpResponse:
        async def answer(*_: object) -> func.HttpResponse:
            return render()

        return await http_exchange.respond(req, answer, _render_error)

    def _readiness(self, document: Mapping[str, object]) -> func.HttpResponse:
        ready = self._scorer.state == "ok"
        return responses.json(
            200 if ready else 503, {**document, "ready": ready}, {} if ready else RETRY_AFTER
        )

    def _unknown(self, req: func.HttpRequest) -> func.HttpResponse | None:
        """404 for another model, or for another version once the version is known."""
        model, asked = self._scorer.model, req.route_params
        if asked["name"] != model.name:
            message = f"no such model; the only one is {model.name!r}"
            return _render_error(404, "unknown_model", message)
        if self._scorer.state == "ok" and asked.get("version", model.version) != model.version:
            message = f"no such version; the only one is {model.version!r}"
            return _render_error(404, "unknown_version", message)
        return None


def _render_error(
    status: int,
    code: str,
    message: str,
    request_id: str | None = None,  # noqa: ARG001 - RenderError's shape; the protocol has a sentence
    headers: Mapping[str, str] | None = None,
) -> func.HttpResponse:
    return responses.with_code(responses.json(status, {"error": message}, headers), code)
