"""Loads the entry script and its model, in the model thread: a state machine.

    STARTING ──built──> UNLOADED ──load()──> LOADING ──loaded──> READY
        │                                       │
        └────────────────failed─────────────────┴──────────────> FAILED

The script is built in milliseconds: its files are hashed and its manifest is read. Loading imports
libraries and takes seconds. In between, a script that `parses_unloaded` can answer what is stored.

`load()` is called by the first request that needs the model, by a health check, and HEAD_START_S
after the start. In STARTING it takes effect once the script is built. Nothing leaves READY or
FAILED: a model that did not load is tried again by the next process.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol, cast

from inference.errors import ModelUnavailable, Overloaded
from inference.scripts import Script
from inference.serving import exit_guard
from inference.tracebacks import format_error

log = logging.getLogger(__name__)

#: Seconds without a request after which the model is loaded anyway. Loading is mostly importing,
#: in pure Python: requests for stored rows would wait for the interpreter.
HEAD_START_S = 0.5

STILL_LOADING = "the model is still loading; try again later"


class LoadState(enum.Enum):
    """How far loading is. The diagram above has every transition."""

    STARTING = enum.auto()
    UNLOADED = enum.auto()
    LOADING = enum.auto()
    READY = enum.auto()
    FAILED = enum.auto()


_NEXT = {
    LoadState.STARTING: {LoadState.UNLOADED, LoadState.FAILED},
    LoadState.UNLOADED: {LoadState.LOADING},
    LoadState.LOADING: {LoadState.READY, LoadState.FAILED},
    LoadState.READY: set(),
    LoadState.FAILED: set(),
}
#: The states that end each kind of wait.
_BUILT = {LoadState.UNLOADED, LoadState.LOADING, LoadState.READY, LoadState.FAILED}
_ENDED = {LoadState.READY, LoadState.FAILED}


class Timer(Protocol):
    """Calls a function once, after a while; as threading.Timer does."""

    def start(self) -> None: ...

    def cancel(self) -> None: ...


def _daemon_timer(seconds: float, call: Callable[[], object]) -> Timer:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    return timer


class ModelLoader:
    """Loads one script once. Tasks of any event loop wait for it, each with its own timeout.

    `build` makes the script. `submit` queues a job for the model thread, which runs jobs in order.
    """

    def __init__(
        self,
        name: str,
        build: Callable[[], Script],
        submit: Callable[[Callable[[], object]], object],
        *,
        timer: Callable[[float, Callable[[], object]], Timer] = _daemon_timer,
    ) -> None:
        self._name, self._build_script, self._submit = name, build, submit
        #: Guards all that follows: the model thread, the timer and event loops change it.
        self._lock = threading.Lock()
        self._state = LoadState.STARTING
        self._load_requested = False
        self._waiters: set[asyncio.Future[None]] = set()
        #: The script, once it is built.
        self.script: Script | None = None
        #: The same script, once it is loaded.
        self.ready: Script | None = None
        #: Seconds that loading took.
        self.load_s: float | None = None
        #: Why it did not load.
        self.failure: ModelUnavailable | None = None
        self._head_start = timer(HEAD_START_S, self.load)
        submit(self._build)
        self._head_start.start()

    def __repr__(self) -> str:
        return f"<ModelLoader {self._name} {self._state.name}>"

    @property
    def state(self) -> LoadState:
        return self._state

    def load(self) -> None:
        """Start to load, unless that was requested before. From any thread."""
        with self._lock:
            self._load_requested = True
            script = self.script
            if script is None or self._state is not LoadState.UNLOADED:
                return
            self._enter(LoadState.LOADING)
        self._head_start.cancel()
        self._submit(partial(self._load, script))

    async def wait_until_built(self, timeout_s: float) -> Script:
        """The script, able to parse if it `parses_unloaded`.

        Raises ModelUnavailable in FAILED, Overloaded after `timeout_s` seconds.
        """
        return await self._wait_for(_BUILT, timeout_s)

    async def wait_until_ready(self, timeout_s: float) -> Script:
        """The script, loaded; requests that it is. Raises as `wait_until_built` does."""
        self.load()
        return await self._wait_for(_ENDED, timeout_s)

    def close(self) -> None:
        """Don't load without a request any more."""
        self._head_start.cancel()

    def _build(self) -> None:
        try:
            with exit_guard.guard():
                script = self._build_script()
        except BaseException as error:  # noqa: BLE001 - user code runs here, and may even exit
            self._fail(error)
            return
        with self._lock:
            self.script = script
            self._enter(LoadState.UNLOADED)
            load_requested = self._load_requested
        if load_requested:
            self.load()

    def _load(self, script: Script) -> None:
        began = time.perf_counter()
        try:
            with exit_guard.guard():
                script.load()
        except BaseException as error:  # noqa: BLE001 - user code runs here, and may even exit
            self._fail(error)
            return
        self.load_s = time.perf_counter() - began
        log.info("loaded %s in %.2f s", self._name, self.load_s)
        with self._lock:
            self.ready = script
            self._enter(LoadState.READY)

    def _fail(self, error: BaseException) -> None:
        if isinstance(error, ModelUnavailable):
            log.error("the model did not load: %s", error)
            failure = error
        else:
            log.error("the model did not load: %s", format_error(error))
            # Without the error's text, which may hold anything, and without the error as its
            # cause, which the platform would log.
            failure = ModelUnavailable(f"the model did not load: {type(error).__name__}")
        with self._lock:
            self.failure = failure
            self._enter(LoadState.FAILED)

    def _enter(self, state: LoadState) -> None:
        """Change the state and wake the waiters. The caller holds the lock."""
        if state not in _NEXT[self._state]:
            raise RuntimeError(f"{self._state.name} is not followed by {state.name}")
        self._state = state
        for waiter in self._waiters:
            with contextlib.suppress(RuntimeError):  # its event loop is closed
                waiter.get_loop().call_soon_threadsafe(_wake, waiter)
        self._waiters.clear()

    async def _wait_for(self, states: set[LoadState], timeout_s: float) -> Script:
        try:
            async with asyncio.timeout(timeout_s):
                while (change := self._next_change(states)) is not None:
                    try:
                        await change
                    finally:
                        with self._lock:
                            self._waiters.discard(change)
        except TimeoutError:
            raise Overloaded(STILL_LOADING) from None
        if self.failure is not None:
            # One error for all waiters would collect the tracebacks of all.
            raise ModelUnavailable(self.failure.message) from self.failure.__cause__
        return cast(Script, self.script)  # it was built, or this is FAILED

    def _next_change(self, states: set[LoadState]) -> asyncio.Future[None] | None:
        """Is done at the next change of the state; None in one of `states`."""
        with self._lock:
            if self._state in states:
                return None
            change = asyncio.get_running_loop().create_future()
            self._waiters.add(change)
            return change


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():  # it may be cancelled
        waiter.set_result(None)
