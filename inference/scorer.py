"""The one scorer behind every door: the model is asked only where the cache has no answer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from functools import partial

from inference import codecs, content_encoding, faults, frames, media_types, recent, scripts
from inference.errors import (
    InputTooLarge,
    ModelUnavailable,
    Overloaded,
    UnacceptableAnswer,
)
from inference.health import Answers, Health, State, packages
from inference.models import ModelId
from inference.off_loop import off_loop
from inference.ports import Cache, Keys
from inference.predictions import Prediction
from inference.predictor import Predictor
from inference.recent import Recent
from inference.request import Answer, Request
from inference.settings import InferenceSettings
from inference.worker import ModelThread

log = logging.getLogger(__name__)

#: Seconds after which the model is loaded though nobody asks for it. To load it is to import, in
#: pure Python mostly: whoever asks meanwhile for what is stored would wait for the interpreter.
HEAD_START_S = 0.5


class Scorer:
    """Scores requests with one model, through a cache.

    The model is loaded in a thread of its own when the first request needs it, and shortly after
    the start in any case. Everything but the constructor belongs to one event loop.
    """

    def __init__(self, settings: InferenceSettings, cache: Cache, keys: Keys) -> None:
        self._settings = settings
        self._cache, self._keys = cache, keys
        self._thread = ModelThread(timeout_s=settings.scoring_timeout_s)
        self._recent = Recent()
        self._predictor: Predictor | None = None
        # Two steps: what can be stored is known long before the model is loaded.
        self._script: Future[scripts.Script] = Future()
        self._loaded: Future[scripts.Script] = Future()
        self._thread.begin(partial(_begin, settings), self._script)
        self._unloaded = threading.Lock()
        self._head_start = threading.Timer(HEAD_START_S, self._load)
        self._head_start.daemon = True
        self._head_start.start()

    def __repr__(self) -> str:
        return f"<Scorer {self._settings.model_dir.name} {self.state} {self._predictor!r}>"

    @property
    def state(self) -> State:
        """Whether the model can answer."""
        if self._failure is not None:
            return "failed"
        return "ok" if self._loaded.done() else "loading"

    @property
    def _answers(self) -> Answers:
        if self.state == "loading":
            begun = self._script.done() and self._script.result().asks_unloaded
            return "stored" if begun else "none"
        return "all" if self.state == "ok" else "none"

    @property
    def _failure(self) -> BaseException | None:
        """Why the model can't answer; None while nothing is known to be wrong."""
        for step in (self._script, self._loaded):
            if step.done() and (error := step.exception()):
                return error
        return None

    @property
    def settings(self) -> InferenceSettings:
        return self._settings

    @property
    def model(self) -> ModelId:
        """Which model answers; its version is `unknown` until its file was read."""
        name = self._settings.model_dir.name
        known = self._script.done() and not self._script.exception()
        return ModelId(name, self._script.result().model.hex()[:12] if known else "unknown")

    async def health(self) -> Health:
        """What the parts say of themselves. The cache is asked, the model answered when loading."""
        self._load()
        reachable = await self._cache.ping()
        failure = self._failure
        return Health(
            model=self.state,
            answers=self._answers,
            cache="ok" if reachable else "degraded",
            failure=None if failure is None else str(failure),
            packages=packages(),
        )

    async def script(self) -> scripts.Script:
        """The entry script, loaded. Raises ModelUnavailable, or Overloaded while loading lasts."""
        if not self._loaded.done():
            self._load()
            await self._end_of(self._loaded)
        return self._loaded.result()

    def _load(self) -> None:
        """Put loading in line, once."""
        if self._unloaded.acquire(blocking=False):
            self._head_start.cancel()
            name = self._settings.model_dir.name
            self._thread.begin(partial(_load, self._script, name), self._loaded)

    async def _asked_script(self) -> scripts.Script:
        """The entry script, loaded enough to be asked."""
        if self._loaded.done():
            return self._loaded.result()
        if not self._script.done():
            await self._end_of(self._script)
        script = self._script.result()
        return script if script.asks_unloaded else await self.script()

    async def _end_of(self, work: Future[scripts.Script]) -> None:
        ended = asyncio.wrap_future(work)
        # Whoever leaves before it ends must not leave its error unlooked at.
        ended.add_done_callback(lambda each: each.cancelled() or each.exception())
        await asyncio.wait([ended], timeout=self._settings.scoring_timeout_s)
        if not ended.done():
            raise Overloaded("the model is still loading; try again later")

    async def score(self, request: Request) -> Answer:
        """Answer a request. Raises ScoringError; nothing of a failed request is stored."""
        with faults.named(log):
            return await self._score(request)

    async def check(self, request: Request) -> None:
        """Raises CallerError where a request can't be answered, as far as can be told by now."""
        self._check_size(request)
        if self.state == "ok":
            script = await self.script()
            request = await self._unpacked(script, request)
            await off_loop(len(request.body), lambda: script.question(request))

    async def _score(self, request: Request) -> Answer:
        began = time.perf_counter()
        key = recent.sent(request) if self._settings.cache_mode != "off" else None
        if key is not None and not request.recompute and (known := self._recent.find(key)):
            answer, age_s = known
            elapsed_ms = (time.perf_counter() - began) * 1000
            return replace(answer, cache="hit", age_s=age_s, elapsed_ms=elapsed_ms)
        script = await self._asked_script()
        self._check_size(request)
        form = _form(script, request.accept)
        request = await self._unpacked(script, request)
        question = await off_loop(len(request.body), lambda: script.question(request))
        prediction = await self.predict(
            question, recompute=request.recompute, patient=request.patient
        )
        answer = await self._answered(prediction, form, began)
        if key is not None and prediction.reply is None and question.cacheable:
            left_s = prediction.ttl_left_s
            ttl_s = self._settings.result_ttl_s if left_s is None else left_s
            self._recent.keep(key, answer, ttl_s=ttl_s)
        return answer

    async def _answered(self, prediction: Prediction, form: str, began: float) -> Answer:
        reply = prediction.reply
        if reply is None:
            body = await off_loop(
                len(prediction.value), lambda: codecs.encode(prediction.value, form)
            )
            reply = scripts.Reply(body=body, content_type=form, status=200)
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
        self,
        question: scripts.Question | scripts.RowQuestion,
        *,
        recompute: bool = False,
        patient: bool = False,
    ) -> Prediction:
        """The answer to a question that `script` made. Raises ScoringError.

        `patient`: wait for the model as long as others keep it busy.
        """
        predictor = self._predictor_of(await self._asked_script())
        return await predictor.predict(question, recompute=recompute, patient=patient)

    async def close(self) -> None:
        """Let what is being computed land, then end the model's thread."""
        self._head_start.cancel()
        if self._predictor is not None:
            await self._predictor.close()
        self._thread.close()

    def _predictor_of(self, script: scripts.Script) -> Predictor:
        if self._predictor is None:
            self._predictor = Predictor(
                script,
                self._settings,
                cache=self._cache,
                keys=self._keys,
                thread=self._thread,
                loaded=self.script,
            )
        return self._predictor


def _begin(settings: InferenceSettings) -> scripts.Script:
    with _as_unavailable():
        return scripts.build(settings)


def _load(begun: Future[scripts.Script], name: str) -> scripts.Script:
    began = time.perf_counter()
    script = begun.result()  # it ran before, in this very thread
    with _as_unavailable():
        script.load()
    log.info("loaded %s in %.2f s", name, time.perf_counter() - began)
    return script


@contextlib.contextmanager
def _as_unavailable() -> Iterator[None]:
    """It is somebody else's code that runs here, which may even exit."""
    try:
        yield
    except ModelUnavailable as error:
        log.error("the model did not load: %s", error)
        raise
    except BaseException as error:
        log.error("the model did not load: %s at %s", type(error).__name__, frames.where(error))
        raise ModelUnavailable(f"the model did not load: {type(error).__name__}") from error


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
