"""How a script comes to answer, in the model's thread: begun at once, loaded when it is wanted."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from functools import partial

from inference import scripts
from inference.errors import ModelUnavailable
from inference.serving.health import Answers, State
from inference.serving.model_thread import ModelThread
from inference.settings import InferenceSettings
from inference.tracebacks import format_error

log = logging.getLogger(__name__)

#: Seconds after which the model is loaded though nobody asks for it. To load it is to import, in
#: pure Python mostly: whoever asks meanwhile for what is stored would wait for the interpreter.
HEAD_START_S = 0.5


class Loading:
    """Two steps: what can be stored is known long before the model is loaded.

    The second begins with `load()`, and HEAD_START_S after the start in any case.
    """

    def __init__(self, settings: InferenceSettings, thread: ModelThread) -> None:
        self._name = settings.model_dir.name
        self._thread = thread
        #: The script, once it can be asked; where it parses_unloaded, for what is stored.
        self.begun: Future[scripts.Script] = Future()
        #: The same one, once it answers.
        self.loaded: Future[scripts.Script] = Future()
        thread.begin(partial(_begin, settings), self.begun)
        #: Taken by whoever wants it first.
        self._unwanted = threading.Lock()
        self._head_start = threading.Timer(HEAD_START_S, self.load)
        self._head_start.daemon = True
        self._head_start.start()

    def __repr__(self) -> str:
        return f"<Loading {self._name} {self.state}>"

    @property
    def state(self) -> State:
        """Whether the model can answer."""
        if self.failure is not None:
            return "failed"
        return "ok" if self.loaded.done() else "loading"

    @property
    def answers(self) -> Answers:
        """What can be answered by now."""
        if self.state == "ok":
            return "all"
        # Another thread may fail between two looks.
        begun = self.begun.done() and not self.failure and self.begun.result().parses_unloaded
        return "stored" if begun else "none"

    @property
    def failure(self) -> BaseException | None:
        """Why the model can't answer; None while nothing is known to be wrong."""
        for step in (self.begun, self.loaded):
            if step.done() and (error := step.exception()):
                return error
        return None

    def load(self) -> None:
        """Put loading in line, once. From any thread."""
        if self._unwanted.acquire(blocking=False):
            self._head_start.cancel()
            self._thread.begin(partial(_load, self.begun, self._name), self.loaded)

    def close(self) -> None:
        """Load no more of itself."""
        self._head_start.cancel()


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
    except BaseException as error:  # noqa: BLE001 - as the docstring says
        log.error("the model did not load: %s", format_error(error))
        # What it says may be anybody's; the platform prints an error with its cause.
        raise ModelUnavailable(f"the model did not load: {type(error).__name__}") from None
