"""Scores a whole file: writes the same table with a column of predictions, in constant memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

import orjson

from inference.errors import CallerError, ResultUnserialisable, UnfitInput
from inference.request import Request
from inference.rows import formats, media_types
from inference.scripts import EstimatorScript
from inference.serving.batching import require_one_per_row
from inference.serving.scorer import Scorer


@dataclass(kw_only=True)
class Report:
    """The outcome of scoring a file."""

    rows: int = 0
    failed: int = 0
    seconds: float = 0.0
    cache_hits: int = 0
    #: Of the first row that failed.
    first_error: CallerError | None = None
    #: Of the output.
    content_type: str = media_types.JSON


Sink = Callable[[bytes], object]
#: Runs a blocking function; like asyncio.to_thread.
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
    """Read `source`, score it, and write the output to `sink`, both by `in_thread`.

    `request` has no body; for the built-in script its content type is one of media_types.FORMATS.
    `size`: the bytes in `source` after decompression, if known. A row that does not fit gets its
    error instead of a prediction. Raises ScoringError if no row is scored.
    """
    began = time.monotonic()
    script = await scorer.script()
    if isinstance(script, EstimatorScript):
        limits = scorer.settings.limits
        table = formats.open_table(request.content_type, source, script.schema, limits)
        with scorer.request_deadline(request):
            async with scorer.bodies.table(request.content_type, size):
                report = await _score_parts(scorer, script, table, sink, in_thread)
        report.content_type = request.content_type or media_types.JSON
    else:
        report = await _score_whole(scorer, request, source, sink, size, in_thread)
    report.seconds = round(time.monotonic() - began, 6)
    return report


async def _score_parts(
    scorer: Scorer,
    script: EstimatorScript,
    table: formats.Table,
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
            predictions = _decode(prediction.value, rows=len(values))
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
    """A user's script gets the whole file at once, as over HTTP."""
    async with scorer.bodies.table(request.content_type, size):
        body = await in_thread(formats.read_whole, source, scorer.settings.limits)
    answer = (await scorer.score(request.with_body(body))).raise_for_status()
    await in_thread(sink, answer.body)
    hits = int(answer.cache == "hit")
    return Report(rows=1, cache_hits=hits, content_type=answer.content_type)


def _write(sink: Sink, table: formats.Table, part: formats.Part, predictions: list[Any]) -> None:
    sink(table.write(part, predictions))


def _end(sink: Sink, table: formats.Table) -> None:
    for content in table.end():
        sink(content)


def _decode(predictions: bytes, *, rows: int) -> list[Any]:
    values = orjson.loads(predictions)
    if not isinstance(values, list):
        kind = type(values).__name__
        raise ResultUnserialisable(f"the model must return one answer per row, got one {kind}")
    require_one_per_row(len(values), rows=rows)
    return values
