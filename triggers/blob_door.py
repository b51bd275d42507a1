"""A blob in, the same blob with predictions out, and a report beside it.

Imports the storage SDK; `triggers.blob_trigger` imports this when the first blob comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import math
from pathlib import PurePosixPath
from typing import Any

import orjson
from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobProperties, ContainerClient, ContentSettings

from inference import batch, frames, media_types
from inference.errors import InternalError, ScoringError, UnsupportedType
from inference.request import Answer, Request
from inference.results import Results
from inference.scorer import Scorer
from triggers.blob_streams import BlockWriter, reader
from triggers.outbox import Outbox
from triggers.statuses import comes_again

log = logging.getLogger(__name__)

#: A name's ending says more than a content type, which uploads rarely set.
FORMATS_BY_SUFFIX = {
    ".json": media_types.JSON,
    ".csv": media_types.CSV,
    ".npy": media_types.NPY,
    ".jsonl": media_types.JSON_LINES,
    ".ndjson": media_types.JSON_LINES,
    ".parquet": media_types.PARQUET,
    ".arrow": media_types.ARROW,
    ".arrows": media_types.ARROW,
}


class BlobDoor:
    """One blob at a time a call; a version of a blob is known by its name and ETag."""

    def __init__(self, scorer: Scorer, results: Results) -> None:
        self._scorer = scorer
        self._outbox = Outbox(results, scorer.counts, door="blob")

    async def score(self, source: BlobClient, output: ContainerClient) -> str:
        """Score a blob; returns its result document. Raises what may pass: the blob comes again."""
        properties = await asyncio.to_thread(source.get_blob_properties)
        request = _request(properties)
        if document := await self._outbox.finished_before(request):
            return document
        try:
            report = await self._score(request, source, properties, output)
        except ScoringError as error:
            if comes_again(error):
                self._outbox.returned()
                raise
            await asyncio.to_thread(_remove, output, properties.name)
            await self._report(request, properties, output, failed=error)
            return await self._outbox.failed(request, error, self._scorer.model)
        await self._report(request, properties, output, report=report)
        return await self._outbox.succeeded(
            request, _answer(report, properties, output), self._scorer.model
        )

    async def _score(
        self,
        request: Request,
        source: BlobClient,
        properties: BlobProperties,
        output: ContainerClient,
    ) -> batch.Report:
        script = await self._scorer.script()
        form = _format(properties) if script.reads_rows else _type(properties)
        await asyncio.to_thread(_ensure, output)
        writer = BlockWriter(output.get_blob_client(properties.name))
        stream = await asyncio.to_thread(reader, source, etag=properties.etag)
        try:
            report = await batch.score(
                self._scorer, request.with_content_type(form), stream, writer.write
            )
        except (ScoringError, AzureError):
            raise
        except Exception as error:
            log.error("%s at %s", type(error).__name__, frames.where(error))
            raise InternalError(type(error).__name__) from error
        await asyncio.to_thread(writer.commit, report.content_type)
        return report

    async def _report(
        self,
        request: Request,
        properties: BlobProperties,
        output: ContainerClient,
        *,
        report: batch.Report | None = None,
        failed: ScoringError | None = None,
    ) -> None:
        """`{name}.report.json`, written last: where it is, the scored blob is."""
        document: dict[str, Any] = {
            "id": request.id,
            "status": "failed" if failed else "succeeded",
            **_summary(report or batch.Report()),
            "model": self._scorer.model.as_dict(),
            "input": f"{properties.container}/{properties.name}",
            "etag": properties.etag,
            "error": failed and {"code": failed.code, "message": failed.message},
        }
        target = output.get_blob_client(f"{properties.name}.report.json")

        def upload() -> None:
            _ensure(output)
            target.upload_blob(
                orjson.dumps(document, option=orjson.OPT_INDENT_2),
                overwrite=True,
                content_settings=ContentSettings(content_type=media_types.JSON),
            )

        await asyncio.to_thread(upload)


def _request(properties: BlobProperties) -> Request:
    name = f"{properties.container}/{properties.name}"
    version = hashlib.sha256(f"{name}\n{properties.etag}".encode()).hexdigest()[:32]
    headers = {"x-blob-name": name, "x-blob-etag": str(properties.etag)}
    # Named as the storage service itself names them.
    for key, value in (properties.metadata or {}).items():
        headers[f"x-ms-meta-{key.lower()}"] = value
    return Request(id=version, source="blob", body=b"", headers=headers, ends_at=math.inf)


def _type(properties: BlobProperties) -> str:
    """For a script that takes any bytes: what the name says, else what the upload said."""
    suffix = PurePosixPath(properties.name).suffix.lower()
    return FORMATS_BY_SUFFIX.get(suffix) or properties.content_settings.content_type or ""


def _format(properties: BlobProperties) -> str:
    suffix = PurePosixPath(properties.name).suffix.lower()
    if known := FORMATS_BY_SUFFIX.get(suffix):
        return known
    told = properties.content_settings.content_type or ""
    if suffix and media_types.is_untold(told):
        raise UnsupportedType(got=f"*{suffix}", supported=tuple(FORMATS_BY_SUFFIX))
    return media_types.format_of(told, b"")


def _summary(report: batch.Report) -> dict[str, Any]:
    return {
        "rows": report.rows,
        "failed": report.failed,
        "seconds": report.seconds,
        "cache_hits": report.cache_hits,
    }


def _answer(report: batch.Report, properties: BlobProperties, output: ContainerClient) -> Answer:
    """What the result document says of a blob: where its predictions are, not what."""
    place = f"{output.container_name}/{properties.name}"
    return Answer(
        body=orjson.dumps(_summary(report) | {"output": place, "report": f"{place}.report.json"}),
        content_type=media_types.JSON,
        cache="hit" if report.cache_hits >= report.rows else "miss",
        elapsed_ms=report.seconds * 1000,
    )


def _remove(container: ContainerClient, name: str) -> None:
    """Take away what an earlier blob of the same name came to: it is not this one's."""
    with contextlib.suppress(ResourceNotFoundError):
        container.delete_blob(name)


def _ensure(container: ContainerClient) -> None:
    """Make the output container at its first use."""
    if not container.exists():
        try:
            container.create_container()
        except ResourceExistsError:  # another worker was faster
            return
