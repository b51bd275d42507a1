"""`console/files`: takes a file that the blob trigger then scores, and hands the scored one out.

The routes need the key that `score` needs. `results/{id}` says how far a file is.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import azure.functions as func

from inference.limits import Limits
from inference.serving.finished_requests import FinishedRequests
from triggers import responses
from triggers.http_exchange import guarded, observed
from triggers.settings import TriggerSettings
from triggers.statuses import NOT_SCORED

if TYPE_CHECKING:
    from triggers.console.job_files import JobFiles, ScoredFile

#: The only ranges that are answered: from the start.
_RANGE = re.compile(r"bytes=0-(\d{1,12})")
BINARY = "application/octet-stream"


def add_routes(
    functions: func.Blueprint,
    finished: FinishedRequests,
    limits: Limits,
    settings: TriggerSettings,
    env: Mapping[str, str],
) -> None:
    """`POST console/files`, `GET console/files/{id}`. `env` has the connection to storage."""

    @cache
    def files() -> JobFiles:
        # The storage SDK takes as long to import as the rest of the app.
        from triggers.console.job_files import JobFiles  # noqa: PLC0415

        return JobFiles(env, settings, limits)

    logged = observed(finished, "console/files")

    @functions.route("console/files", methods=["POST"])
    @logged
    @guarded
    async def console_files(req: func.HttpRequest) -> func.HttpResponse:
        name, output = (req.params.get(each, "") for each in ("name", "output"))
        file_id = await asyncio.to_thread(lambda: files().submit(name, req.get_body(), output))
        prefix = req.url.partition("?")[0].removesuffix("/").removesuffix("/console/files")
        location = {"location": f"{re.sub('^https?://[^/]*', '', prefix)}/results/{file_id}"}
        document = {"id": file_id, "status": "pending"}
        return responses.json(202, document, responses.RETRY_AFTER | location)

    @functions.route("console/files/{id}", methods=["GET"])
    @logged
    @guarded
    async def console_file(req: func.HttpRequest) -> func.HttpResponse:
        return await asyncio.to_thread(lambda: _scored(req, files()))


def _scored(req: func.HttpRequest, files: JobFiles) -> func.HttpResponse:
    file_id = req.route_params.get("id", "")
    if req.params.get("part") == "report":
        report = files.report(file_id)
        return responses.body(200, report) if report else responses.refusal(NOT_SCORED)
    asked = _RANGE.fullmatch(req.headers.get("range", "").strip())
    found = files.output(file_id, int(asked[1]) + 1 if asked else None)
    return responses.refusal(NOT_SCORED) if found is None else _response(found)


def _response(found: ScoredFile) -> func.HttpResponse:
    headers = {"content-disposition": f'attachment; filename="{found.name}"'}
    if len(found.content) == found.size:
        return responses.body(200, found.content, headers, kind=BINARY)
    headers["content-range"] = f"bytes 0-{len(found.content) - 1}/{found.size}"
    return responses.body(206, found.content, headers, kind=BINARY)
