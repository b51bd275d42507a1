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
from inference.serving.request_bodies import RequestBodies
from inference.serving.scorer import Scorer
from triggers import responses
from triggers.console.byte_range import ByteRange
from triggers.console.file_options import FileOptions
from triggers.http_exchange import guarded, observed
from triggers.settings import TriggerSettings
from triggers.statuses import BEHIND_END, NOT_SCORED, OUTPUT_TOO_LARGE

if TYPE_CHECKING:
    from triggers.console.job_files import JobFiles, ScoredFile

#: A scored file has more columns than its input. Of MAX_BODY_BYTES, for a file in one response.
OUTPUT_FACTOR = 2
BINARY = "application/octet-stream"


def add_routes(
    functions: func.Blueprint, scorer: Scorer, settings: TriggerSettings, env: Mapping[str, str]
) -> None:
    """`POST console/files`, `GET console/files/{id}`. `env` has the connection to storage."""

    @cache
    def files() -> FileRoutes:
        # The storage SDK takes as long to import as the rest of the app.
        from triggers.console.job_files import JobFiles  # noqa: PLC0415

        limits = scorer.settings.limits
        return FileRoutes(JobFiles(env, settings, limits), scorer.bodies, limits)

    logged = observed(scorer.finished, "console/files")

    @functions.route("console/files", methods=["POST"])
    @logged
    @guarded
    async def console_files(req: func.HttpRequest) -> func.HttpResponse:
        return await (await asyncio.to_thread(files)).submit(req)

    @functions.route("console/files/{id}", methods=["GET"])
    @logged
    @guarded
    async def console_file(req: func.HttpRequest) -> func.HttpResponse:
        routes = await asyncio.to_thread(files)
        is_report = req.params.get("part") == "report"
        return await (routes.report(req) if is_report else routes.output(req))


class FileRoutes:
    """What the routes answer. A file counts as a body in work while it is in memory here."""

    def __init__(self, files: JobFiles, bodies: RequestBodies, limits: Limits) -> None:
        self._files, self._bodies, self._limits = files, bodies, limits

    def __repr__(self) -> str:
        return f"<FileRoutes of {self._files!r}>"

    async def submit(self, req: func.HttpRequest) -> func.HttpResponse:
        """Raises ScoringError."""
        options, name = FileOptions.read(req.params), req.params.get("name", "")
        body = req.get_body()
        self._limits.check_bytes(len(body))
        async with self._bodies.counted(len(body)):
            file_id = await asyncio.to_thread(self._files.submit, name, body, options)
        prefix = req.url.partition("?")[0].removesuffix("/").removesuffix("/console/files")
        location = {"location": f"{re.sub('^https?://[^/]*', '', prefix)}/results/{file_id}"}
        document = {"id": file_id, "status": "pending"}
        return responses.json(202, document, responses.RETRY_AFTER | location)

    async def report(self, req: func.HttpRequest) -> func.HttpResponse:
        """Raises ScoringError."""
        report = await asyncio.to_thread(self._files.report, req.route_params.get("id", ""))
        return responses.body(200, report) if report else responses.refusal(NOT_SCORED)

    async def output(self, req: func.HttpRequest) -> func.HttpResponse:
        """A scored file, or a range of it. Raises ScoringError."""
        found = await asyncio.to_thread(self._files.find, req.route_params.get("id", ""))
        if found is None:
            return responses.refusal(NOT_SCORED)
        asked = ByteRange.read(req.headers.get("range", ""), found.size)
        headers = {
            "content-disposition": f'attachment; filename="{found.name}"',
            "etag": found.etag,
            "accept-ranges": "bytes",
        }
        if asked is None:
            limit = OUTPUT_FACTOR * self._limits.body_bytes
            if found.size > limit:
                return responses.refusal(OUTPUT_TOO_LARGE, _too_large(found, limit))
            content = await self._read(found, ByteRange(0, found.size))
            return responses.body(200, content, headers, kind=BINARY)
        if not asked.length:
            refused = responses.refusal(BEHIND_END)
            refused.headers["content-range"] = f"bytes */{found.size}"
            return refused
        headers["content-range"] = asked.content_range(found.size)
        return responses.body(206, await self._read(found, asked), headers, kind=BINARY)

    async def _read(self, found: ScoredFile, part: ByteRange) -> bytes:
        async with self._bodies.counted(part.length):
            return await asyncio.to_thread(self._files.read, found, part.start, part.length)


def _too_large(found: ScoredFile, limit: int) -> str:
    return (
        f"the scored file has {found.size:,} bytes, one response has at most {limit:,}"
        " (twice MAX_BODY_BYTES); fetch it in ranges, `Range: bytes=0-`, or from its container"
    )
