"""Batch scoring: a table in, the same table with predictions joined out, in constant memory."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

import orjson

from inference.errors import CallerError, ResultUnserialisable, UnfitInput
from inference.request import Request
from inference.rows import media_types, tables
from inference.scripts import EstimatorScript
from inference.serving.scorer import Scorer


@dataclass(kw_only=True)
class Report:
    """What a batch came to."""

    rows: int = 0
    failed: int = 0
    seconds: float = 0.0
    cache_hits: int = 0
    #: Of the first row that failed.
    first_error: CallerError | None = None
    #: Of what was written.
    content_type: str = media_types.JSON


log = logging.getLogger(__name__)

Sink = Callable[[bytes], object]
#: Runs what blocks; as asyncio.to_thread.
InThread = Callable[..., Awaitable[Any]]


async def score(
    scorer: Scorer,
    request: Request,
    source: BinaryIO,
    sink: Sink,
    *,
    size: int | None = None,
    in_thread: InThread = asyncio.to_thread,
) -> Report:
    """Score all that `source` holds into `sink`; both block and are called by `in_thread`.

    `size`: bytes of it, unpacked, where they are known. `request.body` is not read; its content
    type is one of media_types.FORMATS for the built-in script. A row that does not fit keeps its
    error. Raises ScoringError where nothing is scored.
    """
    began = time.monotonic()
    script = await scorer.script()
    settings = scorer.settings
    limits = settings.limits
    if isinstance(script, EstimatorScript):
        table = tables.open_table(request.content_type, source, script.schema, limits)
        with scorer.request_deadline(request):
            async with scorer.bodies.batch(request.content_type, size):
                report = await _score_parts(scorer, script, table, sink, in_thread)
        report.content_type = request.content_type or media_types.JSON
    else:
        report = await _score_whole(scorer, request, source, sink, size, in_thread)
    report.seconds = round(time.monotonic() - began, 6)
    return report


async def _score_parts(
    scorer: Scorer,
    script: EstimatorScript,
    table: tables.Table,
    sink: Sink,
    in_thread: InThread,
) -> Report:
    report = Report()
    parts = table.parts()
    while (part := await in_thread(next, parts, None)) is not None:
        predictions: list[Any] = []
        values = part.coerced.values
        if len(values):
            prediction = await scorer.predict(script.question_of(values))
            predictions = _one_a_row(prediction.value, len(values))
            report.cache_hits += prediction.hits
        await in_thread(_write, sink, table, part, predictions)
        report.rows += len(part.originals)
        report.failed += len(part.coerced.errors)
        if report.first_error is None and part.coerced.errors:
            report.first_error = part.coerced.errors[min(part.coerced.errors)]
    if report.first_error is not None and report.failed == report.rows:
        raise report.first_error
    if not report.rows:
        raise UnfitInput(field="data", expected="at least one row", got="none")
    await in_thread(_end, sink, table)
    return report


async def _score_whole(
    scorer: Scorer,
    request: Request,
    source: BinaryIO,
    sink: Sink,
    size: int | None,
    in_thread: InThread,
) -> Report:
    """A script of the user's own gets the whole input at once, as over HTTP."""
    async with scorer.bodies.batch(request.content_type, size):
        body = await in_thread(tables.read_whole, source, scorer.settings.limits)
    answer = (await scorer.score(request.with_body(body))).raise_for_status()
    await in_thread(sink, answer.body)
    hits = int(answer.cache == "hit")
    return Report(rows=1, cache_hits=hits, content_type=answer.content_type)


def _write(sink: Sink, table: tables.Table, part: tables.Part, predictions: list[Any]) -> None:
    sink(table.write(part, predictions))


def _end(sink: Sink, table: tables.Table) -> None:
    for content in table.end():
        sink(content)


def _one_a_row(predictions: bytes, count: int) -> list[Any]:
    values = orjson.loads(predictions)
    if not isinstance(values, list) or len(values) != count:
        raise ResultUnserialisable(f"the model answered {count} rows with something else")
    return values
