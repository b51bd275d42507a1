"""The scorer behind every trigger: from a request to its answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Self

from inference import failure_log, scripts
from inference.counters import instance_folder
from inference.counters.counts import Counts
from inference.counters.instance import Instance, SingleWorker
from inference.counters.slots import Slots
from inference.errors import Overloaded, TransientError
from inference.models import ModelId, model_name
from inference.output_choice import PROBABILITIES
from inference.ports import Cache, Keys
from inference.request import Answer, Request
from inference.rows.formats.output_columns import OutputColumns
from inference.serving import hung_threads, request_spans, response_cache
from inference.serving.batch_turns import BatchTurns
from inference.serving.cache_policy import CachePolicy
from inference.serving.deadlines import Deadlines, Wait
from inference.serving.finished_requests import FinishedRequests
from inference.serving.health import Health, ModelStatus, check_health, model_status
from inference.serving.loading import STILL_LOADING, ModelLoader
from inference.serving.model_thread import ModelThread
from inference.serving.prediction import NO_ROWS, Prediction, count_rows
from inference.serving.predictor import Predictor
from inference.serving.rendering import choose_format, render
from inference.serving.request_bodies import RequestBodies
from inference.serving.request_deadline import RequestDeadline
from inference.serving.request_log import RequestLog
from inference.serving.response_cache import ResponseCache
from inference.settings import InferenceSettings
from inference.tracing import spans

#: The version of a model whose files are not read yet.
UNKNOWN = "unknown"

#: Seconds that calls of the model may take to end when the app stops. Then they are cancelled,
#: which takes no longer.
CLOSE_S = 3.0


class Scorer:
    """Scores requests with one model, through caches. Belongs to one event loop, though it may be
    made outside of it.

    `exit_process` is called when so many calls of the model hang that none can be made any more.
    """

    def __init__(
        self,
        settings: InferenceSettings,
        cache: Cache,
        keys: Keys,
        *,
        exit_process: Callable[[], None] | None = None,
        instance: Instance | None = None,
    ) -> None:
        self._settings = settings
        self._cache, self._keys = cache, keys
        self.instance = instance or SingleWorker()
        self.counts = Counts(Slots(self.instance.memory.counters))
        #: Every trigger reports its requests here when they have ended.
        self.finished = FinishedRequests(self.counts, lambda: self.model)
        if settings.request_log != "off":
            self.finished.observe(RequestLog(settings.request_log))
        if spans.recorder is not None:
            self.finished.observe(request_spans.annotate)
        self._thread = ModelThread(
            timeout_s=settings.scoring_timeout_s, counts=self.counts, exit_process=exit_process
        )
        self._deadlines = Deadlines()
        self.cache_policy = CachePolicy(
            settings.cache_mode, self.counts, near=cache.near, remote=cache.remote
        )
        self._responses = ResponseCache(self.cache_policy.response)
        self.bodies = RequestBodies(settings)
        self._columns = OutputColumns(settings.columns)
        self.batch_turns = BatchTurns()
        self._model = ModelId(model_name(settings.model_dir), UNKNOWN)
        self._predictor: Predictor | None = None
        self._loader = ModelLoader(
            self._model.name, partial(scripts.build, settings), self._thread.submit
        )

    @classmethod
    def in_worker(cls, settings: InferenceSettings, cache: Cache, keys: Keys, app: Path) -> Self:
        """The scorer of a worker of the platform. It may exit the process, and the other workers
        of its instance can read what it counts. `app`: the app's folder.
        """
        instance = instance_folder.join(app)
        exit_process = hung_threads.exit_process
        return cls(settings, cache, keys, exit_process=exit_process, instance=instance)

    def __repr__(self) -> str:
        return f"<Scorer {self._settings.model_dir.name} {self.state} {self._predictor!r}>"

    @property
    def state(self) -> ModelStatus:
        """Whether the model can answer."""
        return model_status(self._loader, self._thread)

    @property
    def settings(self) -> InferenceSettings:
        return self._settings

    @property
    def model(self) -> ModelId:
        """The name and version of the model. The version is `unknown` until its files are read."""
        script = self._loader.script
        if self._model.version == UNKNOWN and script is not None:
            self._model = ModelId(self._model.name, script.model.hex()[:12])
        return self._model

    async def health(self) -> Health:
        """The state of the model and the cache. Starts to load the model."""
        self._loader.load()
        return await check_health(self._loader, self._thread, self._cache)

    def publish(self) -> Mapping[str, int]:
        """Publish the gauges to the other workers. Returns the cache's counters."""
        counts = self._cache.counts()
        for name, count in counts.items():
            self.counts.cache[name].set(count)
        self.instance.memory.write_gauges(self._gauges())
        return counts

    def _gauges(self) -> dict[str, float]:
        counts, load_s = self.counts, self._loader.load_s
        values = {
            "model_ready": float(self.state == "ok"),
            "pending_answers": float(counts.waiting),
            "pending_results": float(counts.pending_results),
            "unsent_documents": float(counts.unsent_documents),
            "batches_running": float(len(counts.batches)),
            "batches_size_bytes": float(sum(each.size for each in counts.batches)),
            "batches_position_bytes": float(sum(each.position for each in counts.batches)),
            **self._cache.gauges(),
        }
        if load_s is not None:
            values["model_load_duration_seconds"] = load_s
        for (cache, rows), share in self.cache_policy.shares():
            values[f"lookups {cache} {rows}"] = share
        return values

    async def script(self) -> scripts.Script:
        """The entry script, loaded. Raises ModelUnavailable, or Overloaded if it takes too long."""
        timeout_s = self._settings.scoring_timeout_s
        return self._loader.ready or await self._loader.wait_until_ready(timeout_s)

    async def _parsing_script(self) -> scripts.Script:
        """The entry script, able to parse requests. Raises as `script` does."""
        script = await self._loader.wait_until_built(self._settings.scoring_timeout_s)
        return script if script.parses_unloaded else await self.script()

    async def score(self, request: Request) -> Answer:
        """Answer a request. Raises ScoringError; nothing of a failed request is stored."""
        began = time.perf_counter()
        key = self._responses.key(request)
        if key is not None and not request.recompute:
            known = self._responses.find(key, began=began)
            if known is not None:
                return known
        with self.request_deadline(request) as wait:
            return await self._score(request, wait, key, began)

    async def validate(self, request: Request) -> None:
        """Raises CallerError for a request that can't be answered, as far as is known by now.

        The rows are checked only if the model is loaded.
        """
        with self.request_deadline(request):
            await self._validate(request)

    def request_deadline(self, request: Request) -> RequestDeadline:
        """A `with` block that ends at the request's deadline and raises only ScoringError."""
        deadline = request.deadline
        if deadline is None:
            deadline = time.monotonic() + self._settings.scoring_timeout_s
        return RequestDeadline(self._deadlines, request.id, deadline, self._timeout_error)

    def _timeout_error(self, wait: Wait) -> TransientError:
        if self.state == "loading":
            return Overloaded(STILL_LOADING)
        return wait.timeout_error(self._settings.scoring_timeout_s)

    async def _validate(self, request: Request) -> None:
        self._settings.limits.check_bytes(len(request.body))
        if self.state == "ok":
            script = await self.script()
            async with self.bodies.opened(request, script) as unpacked:
                await self.bodies.read(unpacked, partial(script.parse, unpacked))

    async def _score(
        self, request: Request, wait: Wait, key: response_cache.Key | None, began: float
    ) -> Answer:
        script = self._loader.ready or await self._parsing_script()
        form = choose_format(script, request.accept)
        others, hold = self.counts.waiting, None
        try:
            if self.bodies.is_short(request, script):  # the quick way for most
                question = script.parse(request)
            else:
                request, hold = await self.bodies.hold(request, script)
                question = await self.bodies.read(request, partial(script.parse, request))
            prediction = await self.predict(question, recompute=request.recompute, wait=wait)
            columns = self._columns
            if question.output == PROBABILITIES and isinstance(script, scripts.EstimatorScript):
                columns = replace(columns, classes=script.classes)
            answer = await render(prediction, form, began, columns, count_rows(question))
        finally:
            if hold is not None:
                hold.give()
        if not prediction.cacheable:
            _log_error_answer(request, question, prediction)
        elif key is not None and question.cacheable:
            left_s = prediction.ttl_left_s
            ttl_s = self._settings.cache_ttl_s if left_s is None else left_s
            at_once = 1 + max(others, self.counts.waiting)
            self._responses.keep(key, answer, ttl_s=ttl_s, at_once=at_once)
        return answer

    async def predict(
        self,
        question: scripts.Question | scripts.RowQuestion,
        *,
        recompute: bool = False,
        wait: Wait | None = None,
    ) -> Prediction:
        """The answer to a question that the script parsed. Raises ScoringError, and what the
        script raised. `wait` is that of `request_deadline`; without it there is no deadline.
        """
        if not count_rows(question):
            return NO_ROWS
        predictor = self._predictor_of(self._loader.ready or await self._parsing_script())
        self.counts.waiting += 1
        try:
            prediction = await predictor.predict(question, wait=wait or Wait(), recompute=recompute)
        finally:
            self.counts.waiting -= 1
        self.counts.answers[prediction.cache].add()
        return prediction

    async def close(self) -> None:
        """Refuse new calls of the model, let those in flight end, and end the model thread.

        Returns within four times CLOSE_S, whatever hangs.
        """
        self._loader.close()
        self._thread.close()
        if self._predictor is not None:
            await self._predictor.close(CLOSE_S)

    def _predictor_of(self, script: scripts.Script) -> Predictor:
        if self._predictor is None:
            self._predictor = Predictor(
                script,
                self.cache_policy,
                cache=self._cache,
                ttl_s=self._settings.cache_ttl_s,
                keys=self._keys,
                thread=self._thread,
                load=self.script,
            )
        return self._predictor


def _log_error_answer(
    request: Request, question: scripts.Question | scripts.RowQuestion, prediction: Prediction
) -> None:
    """Log that a script reports an error with an answer that could be cached otherwise."""
    if question.cacheable and prediction.reply is None:
        failure_log.log_error_answer(request.id)
