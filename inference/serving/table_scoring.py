"""Scores a whole file: writes the same table with a column of predictions, in constant memory.

A file has four stages: its parts are read, predicted, formatted and written, all at the same time
and in order. Each stage is one part ahead of the next one, so a few parts are in memory at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import orjson

from inference.counters.counts import RunningBatch
from inference.error_threshold import ErrorThreshold
from inference.errors import ResultUnserialisable, ScoringError, TooManyErrors, is_row_specific
from inference.output_choice import PROBABILITIES
from inference.request import Request
from inference.rows import formats, media_types
from inference.rows.formats.output_columns import OutputColumns
from inference.rows.output_options import AS_IT_CAME, OutputOptions
from inference.rows.row_types import Rows
from inference.scripts import EstimatorScript
from inference.scripts.question import Question, RowQuestion
from inference.serving import request_spans
from inference.serving.batch_report import BatchState, Report
from inference.serving.batch_turns import InThread
from inference.serving.batching import require_one_per_row
from inference.serving.prediction import Prediction
from inference.serving.prefetch import Prefetch
from inference.serving.row_isolation import RowIsolation, row_error
from inference.serving.scorer import Scorer

Sink = Callable[[bytes], object]
Refused = Mapping[int, ScoringError]


async def score(
    scorer: Scorer,
    request: Request,
    source: BinaryIO,
    sink: Sink,
    *,
    size: int | None = None,
    stored_bytes: int = 0,
    in_thread: InThread = asyncio.to_thread,
    threshold: ErrorThreshold | None = None,
    output: OutputOptions = AS_IT_CAME,
    report: Report | None = None,
    position: Callable[[], int] = lambda: 0,
    resume_from: BatchState | None = None,
    on_state: Callable[[BatchState], object] | None = None,
) -> Report:
    """Read `source`, score it, and write the output to `sink`, both by `in_thread`.

    `request` has no body; for the built-in script its content type says one of media_types.FORMATS.
    `size`: the bytes in `source` after decompression, if known; `stored_bytes`: before it. A row
    that does not fit gets its error instead of a prediction. `report` is brought up to date after
    each part; `position` says how many stored bytes were read. `on_state` gets the state of the
    batch after output that was given to `sink`; `resume_from` is a state of an earlier
    attempt, whose output is there. Raises ScoringError if every row fails, or more rows than
    `threshold` (by default the setting) allows.
    """
    report = Report() if report is None else report
    running = RunningBatch(stored_bytes)
    scorer.counts.batches.add(running)
    try:
        script = await scorer.script()
        if isinstance(script, EstimatorScript):
            if threshold is None:
                threshold = scorer.settings.error_threshold
            batch = _Batch(
                *(scorer, script, request, source, report, running, threshold),
                in_thread,
                position,
                output,
            )
            if resume_from is not None:
                batch.resume(resume_from)
            form = media_types.format_of(request.content_type, b"")
            async with scorer.bodies.table(form, size):
                await batch.score(sink, on_state)
            report.content_type = media_types.type_of_output(output.form or form)
        else:
            await _score_whole(scorer, request, source, sink, size, in_thread, report)
    finally:
        scorer.counts.batches.discard(running)
        report.end()
    return report


class _Predicted(NamedTuple):
    part: formats.Part
    #: A JSON list with an element for each row that fits.
    predictions: bytes
    #: Of the report, after the part.
    failed: int
    cache_hits: int


class _Content(NamedTuple):
    """Output that is ready to be written. `rows`: how many rows the output has with it."""

    content: bytes
    rows: int
    state: BatchState | None = None


class _Batch:
    """One file on its way through the stages. The methods are the stages, from last to first."""

    def __init__(
        self,
        scorer: Scorer,
        script: EstimatorScript,
        request: Request,
        source: BinaryIO,
        report: Report,
        running: RunningBatch,
        threshold: ErrorThreshold,
        in_thread: InThread,
        position: Callable[[], int],
        output: OutputOptions,
    ) -> None:
        self._position, self._counts = position, scorer.counts
        self._scorer, self._script, self._request = scorer, script, request
        self._report, self._running = report, running
        self._threshold, self._in_thread = threshold, in_thread
        self._output = output
        classes = script.require_classes() if output.output == PROBABILITIES else None
        columns = OutputColumns(scorer.settings.columns, classes)
        source = scorer.batch_turns.outside(source)
        self._table = formats.open_table(
            *(request.content_type, source, script.schema, scorer.settings.limits),
            columns,
            output,
        )

    def resume(self, state: BatchState) -> None:
        self._table.resume(state.table)
        self._report.resume(state)

    async def score(self, sink: Sink, on_state: Callable[[BatchState], object] | None) -> None:
        """Raises ScoringError, and what the source and `sink` raise."""
        report = self._report
        try:
            async with (
                Prefetch(self._parts()) as parts,
                Prefetch(self._predicted(parts)) as predicted,
                Prefetch(self._formatted(predicted)) as contents,
            ):
                async for content, rows, state in contents:
                    await self._in_thread(_write, sink, content, on_state, state)
                    self._counts.batch_rows.add(rows - report.rows)
                    report.rows = rows
        except TooManyErrors as error:
            report.rows = error.rows
            raise

    async def _formatted(self, predicted: AsyncIterator[_Predicted]) -> AsyncGenerator[_Content]:
        rows = self._report.rows
        async for each in predicted:
            rows += len(each.part.originals)
            content = await self._work(self._format, each.part, each.predictions)
            yield _Content(content, rows, self._state_after(each, rows))
        if self._report.first_error is not None and self._report.failed == rows:
            raise self._report.first_error
        self._report.require_few_errors(self._threshold, rows=rows)
        last = self._table.end()
        while (content := await self._work(next, last, None)) is not None:
            yield _Content(content, rows)

    async def _predicted(self, parts: AsyncIterator[formats.Part]) -> AsyncGenerator[_Predicted]:
        first, failed = self._report.rows, self._report.failed
        isolation = RowIsolation(self._predict, self._request.id, has_answered=failed < first)
        number = 0
        async for read in parts:
            part, predictions, number = read, b"[]", number + 1
            if len(part.coerced.values):
                question = self._script.question_of(part.coerced.values, self._output.output)
                rows = len(part.coerced.values)
                with request_spans.part(number, rows):
                    isolated = await isolation.predict(question)
                predictions = isolated.predictions
                self._report.cache_hits += isolated.cache_hits
                part = _without(read, isolated.refused, first=first)
            errors = part.coerced.errors
            self._counts.batch_failed_rows.add(len(errors))
            self._report.add_errors(errors, first=first, threshold=self._threshold)
            first += len(part.originals)
            yield _Predicted(part, predictions, self._report.failed, self._report.cache_hits)
        isolation.require_answers()

    async def _predict(self, question: Question | RowQuestion) -> Prediction | ScoringError:
        """The prediction, or the error by which the model refuses some of the rows."""
        with self._scorer.request_deadline(self._request):
            try:
                return await self._scorer.predict(question)
            except ScoringError as error:
                if not is_row_specific(error):
                    raise
                return error

    async def _parts(self) -> AsyncGenerator[formats.Part]:
        parts = self._table.parts()
        while (part := await self._work(next, parts, None)) is not None:
            position = self._position()
            self._counts.batch_bytes.add(position - self._report.bytes)
            self._report.bytes = self._running.position = position
            self._report.header = self._table.header
            yield part
        self._report.header = self._table.header

    async def _work(self, call: Callable[..., Any], *args: Any) -> Any:
        return await self._scorer.batch_turns.run(self._in_thread, call, *args)

    def _state_after(self, predicted: _Predicted, rows: int) -> BatchState | None:
        table = self._table.state_after(predicted.part)
        if table is None:
            return None
        return BatchState(
            table=table,
            rows=rows,
            failed=predicted.failed,
            cache_hits=predicted.cache_hits,
            bytes=self._report.bytes,
            seconds=self._report.seconds,
            errors=[(each.row, each.message) for each in self._report.errors[: predicted.failed]],
        )

    def _format(self, part: formats.Part, predictions: bytes) -> bytes:
        values = orjson.loads(predictions)
        if not isinstance(values, list):
            kind = type(values).__name__
            raise ResultUnserialisable(f"the model must return one answer per row, got one {kind}")
        require_one_per_row(len(values), rows=len(part.coerced.values))
        return self._table.write(part, values)


def _without(part: formats.Part, refused: Refused, *, first: int) -> formats.Part:
    """The part with errors for the rows that the model refuses. `first`: the part's first row."""
    if not refused:
        return part
    rows = part.coerced
    indices = {position: int(rows.kept[position]) for position in refused}
    errors = {at: row_error(refused[position], first + at) for position, at in indices.items()}
    taken = np.delete(np.arange(len(rows.values)), list(refused))
    coerced = Rows(rows.values[taken], rows.kept[taken], rows.errors | errors)
    return replace(part, coerced=coerced)


def _write(
    sink: Sink,
    content: bytes,
    on_state: Callable[[BatchState], object] | None,
    state: BatchState | None,
) -> None:
    sink(content)
    if on_state is not None and state is not None:
        on_state(state)


async def _score_whole(
    scorer: Scorer,
    request: Request,
    source: BinaryIO,
    sink: Sink,
    size: int | None,
    in_thread: InThread,
    report: Report,
) -> None:
    """A user's script gets the whole file at once, as over HTTP."""
    async with scorer.bodies.table(request.content_type, size):
        body = await in_thread(formats.read_whole, source, scorer.settings.limits)
    answer = (await scorer.score(request.with_body(body))).raise_for_status()
    await in_thread(sink, answer.body)
    report.rows, report.cache_hits = 1, int(answer.cache == "hit")
    report.content_type = answer.content_type
