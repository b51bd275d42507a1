"""The one scorer behind every door: the model is asked only where the cache has no answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Literal

from inference import codecs, content_encoding, frames, media_types, scripts
from inference.errors import (
    InputTooLarge,
    InternalError,
    ModelUnavailable,
    Overloaded,
    ScoringError,
    UnacceptableAnswer,
)
from inference.flights import Flights
from inference.models import ModelId
from inference.ports import Cache, PredictionKey
from inference.request import Answer, CacheStatus, Request
from inference.settings import InferenceSettings
from inference.worker import ModelThread

log = logging.getLogger(__name__)

#: Bodies above this many bytes are read and written in a thread: the event loop serves others.
INLINE_BYTES = 64 * 1024

State = Literal["ok", "loading", "failed"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """Predictions as JSON, or a script's own reply, and how they came about."""

    value: bytes
    cache: CacheStatus
    age_s: float | None = None
    reply: scripts.Reply | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """The parts that scoring depends on: without the cache it is slower, without the model none."""

    model: State
    cache: Literal["ok", "degraded"]
    failure: str | None

    @property
    def status(self) -> str:
        return self.cache if self.model == "ok" else self.model


@dataclass(frozen=True, slots=True)
class _Computed:
    outcome: bytes | scripts.Reply
    stored: bool

    def prediction(self, status: CacheStatus) -> Prediction:
        if isinstance(self.outcome, scripts.Reply):
            return Prediction(self.outcome.body, status, reply=self.outcome)
        return Prediction(self.outcome, status)


class Scorer:
    """Scores requests with one model, through a cache.

    Loading begins at once, in the model's thread; requests wait for it. Everything but the
    constructor belongs to one event loop.
    """

    def __init__(self, settings: InferenceSettings, cache: Cache, key: PredictionKey) -> None:
        self._settings = settings
        self._cache = cache
        self._key = key
        self._thread = ModelThread(timeout_s=settings.scoring_timeout_s)
        self._flights: Flights[_Computed] = Flights()
        self._script: Future[scripts.Script] = self._thread.begin(partial(_load, settings))

    def __repr__(self) -> str:
        return f"<Scorer {self._settings.model_dir.name} {self.state} {self._thread!r}>"

    @property
    def state(self) -> State:
        """Whether the model can answer."""
        if not self._script.done():
            return "loading"
        return "failed" if self._script.exception() else "ok"

    @property
    def settings(self) -> InferenceSettings:
        return self._settings

    @property
    def model(self) -> ModelId:
        """Which model answers; its version is `unknown` until it is loaded."""
        name = self._settings.model_dir.name
        known = self.state == "ok"
        return ModelId(name, self._script.result().model.hex()[:12] if known else "unknown")

    async def health(self) -> Health:
        """What the parts say of themselves. The cache is asked, the model answered when loading."""
        reachable = await self._cache.ping()
        failure = self._script.exception() if self.state == "failed" else None
        return Health(
            model=self.state,
            cache="ok" if reachable else "degraded",
            failure=None if failure is None else str(failure),
        )

    async def script(self) -> scripts.Script:
        """The entry script, loaded. Raises ModelUnavailable, or Overloaded while loading lasts."""
        if not self._script.done():
            loading = asyncio.wrap_future(self._script)
            # Whoever leaves before it ends must not leave its error unlooked at.
            loading.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
            await asyncio.wait([loading], timeout=self._settings.scoring_timeout_s)
            if not loading.done():
                raise Overloaded("the model is still loading; try again later")
        return self._script.result()

    async def score(self, request: Request) -> Answer:
        """Answer a request. Raises ScoringError; nothing of a failed request is stored."""
        try:
            return await self._score(request)
        except ScoringError:
            raise
        except Exception as error:
            log.error("%s at %s", type(error).__name__, frames.where(error))
            raise InternalError(type(error).__name__) from error

    async def check(self, request: Request) -> None:
        """Raises CallerError where a request can't be answered, as far as can be told by now."""
        self._check_size(request)
        if self.state == "ok":
            script = await self.script()
            request = await self._unpacked(script, request)
            await _off_loop(request.body, lambda: script.question(request))

    async def _score(self, request: Request) -> Answer:
        began = time.perf_counter()
        script = await self.script()
        self._check_size(request)
        form = _form(script, request.accept)
        request = await self._unpacked(script, request)
        question = await _off_loop(request.body, lambda: script.question(request))
        prediction = await self.predict(
            question, recompute=request.recompute, patient=request.patient
        )
        reply = prediction.reply or scripts.Reply(
            body=await _off_loop(prediction.value, lambda: codecs.encode(prediction.value, form)),
            content_type=form,
            status=200,
        )
        return Answer(
            body=reply.body,
            content_type=reply.content_type,
            cache=prediction.cache,
            age_s=prediction.age_s,
            elapsed_ms=(time.perf_counter() - began) * 1000,
            status=reply.status,
            headers=reply.headers,
            ready_made=prediction.reply is not None,
        )

    def _check_size(self, request: Request) -> None:
        size, limit = len(request.body), self._settings.max_body_bytes
        if size > limit:
            raise InputTooLarge(size=size, limit=limit, unit="bytes", setting="MAX_BODY_BYTES")

    async def _unpacked(self, script: scripts.Script, request: Request) -> Request:
        """A user's script gets the bytes that came, with the header that says what they are."""
        encoding = request.headers.get("content-encoding", "")
        if not encoding or not script.reads_rows:
            return request
        limit = self._settings.max_body_bytes
        return request.with_body(
            await asyncio.to_thread(content_encoding.unpack, request.body, encoding, limit=limit)
        )

    async def predict(
        self, question: scripts.Question, *, recompute: bool = False, patient: bool = False
    ) -> Prediction:
        """The answer to a question: from the cache, from an equal one's flight, from the model.

        `patient`: wait for the model as long as others keep it busy.
        """
        script = await self.script()
        if not question.cacheable:
            outcome = await self._thread.run(lambda: script.run(question), patient=patient)
            return _Computed(outcome, stored=False).prediction("bypass")
        key = await _off_loop(question.data, lambda: self._name(script, question))
        reachable = True
        if not recompute:
            try:
                entry = await self._cache.get(key)
            except ConnectionError:
                reachable = False
            else:
                if entry is not None:
                    return Prediction(entry.value, "hit", entry.age_s)
        computed, joined = await self._flights.join(
            key, partial(self._compute, key, script, question, patient=patient)
        )
        if joined:
            return computed.prediction("joined")
        return computed.prediction("miss" if reachable and computed.stored else "bypass")

    async def close(self) -> None:
        """Let what is being computed land, then end the model's thread."""
        await self._flights.close()
        self._thread.close()

    async def _compute(
        self, key: str, script: scripts.Script, question: scripts.Question, *, patient: bool
    ) -> _Computed:
        outcome = await self._thread.run(lambda: script.run(question), patient=patient)
        if isinstance(outcome, scripts.Reply):
            return _Computed(outcome, stored=False)
        try:
            await self._cache.put(key, outcome, ttl_s=self._settings.result_ttl_s)
        except ConnectionError:
            return _Computed(outcome, stored=False)
        return _Computed(outcome, stored=True)

    def _name(self, script: scripts.Script, question: scripts.Question) -> str:
        return self._key(
            model=script.model,
            script=script.digest,
            method=script.method,
            parameters="",
            dtype=question.dtype,
            shape=question.shape,
            data=question.data,
        )


def _load(settings: InferenceSettings) -> scripts.Script:
    began = time.perf_counter()
    try:
        script = scripts.build(settings)
        script.load()
    except ModelUnavailable as error:
        log.error("the model did not load: %s", error)
        raise
    except BaseException as error:  # it is somebody else's code, which may even exit
        log.error("the model did not load: %s at %s", type(error).__name__, frames.where(error))
        raise ModelUnavailable(f"the model did not load: {type(error).__name__}") from error
    log.info("loaded %s in %.2f s", settings.model_dir.name, time.perf_counter() - began)
    return script


def _form(script: scripts.Script, accept: str) -> str:
    """What the answer is written in. A user's script may make a response of its own: what its
    caller accepts is then between the two, and where it makes none, the answer is JSON.
    """
    try:
        return media_types.negotiate(accept)
    except UnacceptableAnswer:
        if script.reads_rows:
            raise
        return media_types.JSON


async def _off_loop[T](body: bytes | memoryview, call: Callable[[], T]) -> T:
    return call() if len(body) <= INLINE_BYTES else await asyncio.to_thread(call)
