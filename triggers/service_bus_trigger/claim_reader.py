"""Reads the blob that a message names, as if the message carried its bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from inference.errors import ClaimNotFound, Overloaded
from inference.output_choice import PARAMETER, PREDICTIONS
from inference.request import Request
from inference.rows import decompression
from inference.rows.body_budget import BodyBudget, BodyHold
from inference.rows.content_encoding import parse_encoding
from inference.serving.off_loop import off_loop
from inference.serving.scorer import Scorer
from triggers.blob_options import NO_OPTIONS
from triggers.service_bus_trigger import claims
from triggers.storage.lazy_container import LazyContainer

if TYPE_CHECKING:
    from azure.storage.blob import BlobProperties

#: The share of MAX_BODIES_IN_WORK_BYTES that blobs may take as they are stored. The scorer counts
#: a body by itself, as four times its bytes or more.
SHARE = 4


class ClaimReader:
    """For one event loop."""

    def __init__(self, container: LazyContainer, scorer: Scorer) -> None:
        self._container, self._scorer = container, scorer
        self._limits = scorer.settings.limits
        self._budget = BodyBudget(scorer.settings.max_bodies_in_work_bytes // SHARE)

    def __repr__(self) -> str:
        return f"<ClaimReader {self._container!r} {self._budget!r}>"

    @asynccontextmanager
    async def opened(
        self, request: Request, name: str, *, wait_s: float | None = None
    ) -> AsyncIterator[Request]:
        """A block in which the blob is in memory. It yields the request with the blob's bytes.

        Waits for memory: at most `wait_s` seconds, or without limit. Raises CallerError,
        Overloaded, InternalError.
        """
        properties = await self._container.properties(name)
        if properties is None:
            raise ClaimNotFound(container=self._container.name, name=claims.printable_name(name))
        self._limits.check_bytes(properties.size)
        script = await self._scorer.script()
        request, encodings = _described(request, properties, reads_rows=script.reads_rows)
        hold = await self._hold(properties.size, wait_s)
        async with self._container.opened(name, properties, hold) as stored:
            body = stored
            for encoding in encodings:
                unpack = partial(decompression.decompress_body, body, encoding, limits=self._limits)
                body = await off_loop(False, len(body), unpack)
            yield request.with_body(body)

    async def _hold(self, size: int, wait_s: float | None) -> BodyHold:
        try:
            async with asyncio.timeout(wait_s):
                return await self._budget.take(size, patient=True)
        except TimeoutError as error:
            raise Overloaded(
                f"there was no memory for the message's blob of {size:,} bytes, because others are"
                " in work (MAX_BODIES_IN_WORK_BYTES); try again later"
            ) from error


def _described(
    request: Request, properties: BlobProperties, *, reads_rows: bool
) -> tuple[Request, tuple[str, ...]]:
    """The request with the blob's type, headers and options, but for what the message says itself.

    Also the compressions to undo before its `content-encoding`. Raises CallerError.
    """
    from triggers.storage import blob_format  # noqa: PLC0415 - slow

    headers = {**blob_format.headers_of(properties), **request.headers}
    content_type = request.content_type
    if not content_type:
        content_type = blob_format.format_for(
            properties, NO_OPTIONS, reads_rows=reads_rows
        ).content_type
    if not reads_rows:  # it gets the bytes as they are stored
        return replace(request, content_type=content_type, headers=headers), ()
    said = request.headers.get("content-encoding")
    encodings = (parse_encoding(said),) if said else blob_format.encodings_of(properties)
    headers["content-encoding"] = encodings[-1] if encodings else ""
    output = NO_OPTIONS.overridden(blob_format.metadata_of(properties)).columns.output
    return (
        replace(
            request,
            content_type=content_type,
            headers=headers,
            query="" if output == PREDICTIONS else urlencode({PARAMETER: output}),
        ),
        encodings[:-1],
    )
