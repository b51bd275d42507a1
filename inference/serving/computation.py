"""One computation under way, and how many wait for it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from inference.errors import InternalError
from inference.scripts.question import Reply
from inference.serving.deadlines import Wait
from inference.tracebacks import format_error

log = logging.getLogger(__name__)

#: An answer a unit: a row, or a question that is answered as a whole.
Units = list[bytes]


@dataclass(frozen=True, slots=True)
class ComputeOptions:
    """What a computation may do besides calling the model."""

    #: Whether its answers are stored in the shared cache too.
    far: bool
    #: Whether it may wait for another process that computes the same units.
    lease: bool


class Computation:
    """Belongs to nobody who waits for it: who leaves, leaves alone. For one event loop."""

    __slots__ = ("_error", "_futures", "_outcome", "_trace", "_waiting", "names", "task", "wait")

    def __init__(self, names: Sequence[str]) -> None:
        #: Keys of its units, in their order.
        self.names = names
        #: Of those who wait, as the model sees them: it is begun once for all.
        self.wait = Wait()
        self.task: asyncio.Task[None]
        self._outcome: Units | Reply | None = None
        self._error: Exception | None = None
        self._trace: TracebackType | None = None
        self._futures: list[asyncio.Future[None]] = []
        self._waiting = 0

    def __repr__(self) -> str:
        return f"<Computation of {len(self.names)} units, {self._waiting} waiting>"

    @property
    def _is_told(self) -> bool:
        return self._outcome is not None or self._error is not None

    @property
    def is_awaited(self) -> bool:
        return self._waiting > 0

    def tell(self, outcome: Units | Reply) -> None:
        """What came of it, to whoever waits."""
        self._outcome = outcome
        self._wake()

    def end(self, task: asyncio.Task[None]) -> None:
        """The last resort: however its task ended, whoever waits is told."""
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if self._is_told:
            if isinstance(error, Exception):
                log.error("failed after its answer was known: %s", format_error(error))
            return
        if not isinstance(error, Exception):
            error = InternalError(type(error).__name__)
        self._error = error
        self._trace = error.__traceback__
        self._wake()

    def join(self) -> None:
        """One more waits, until it leaves."""
        self._waiting += 1

    def leave(self, wait: Wait) -> bool:
        """One less waits; whether nobody is left and the model has not begun."""
        self._waiting -= 1
        wait.begun = wait.begun or self.wait.begun
        return not (self._waiting or self.wait.begun or self._is_told)

    async def result(self) -> Units | Reply:
        """Raises what its task ended in."""
        if not self._is_told:
            # One for each who waits: to be cancelled with it, and with nobody else.
            told = asyncio.get_running_loop().create_future()
            self._futures.append(told)
            await told
        if self._error is not None:
            # Of one error for all, each would add its own frames to those of the others.
            raise self._error.with_traceback(self._trace)
        return self._outcome or []

    def _wake(self) -> None:
        for future in self._futures:
            if not future.done():
                future.set_result(None)


def joint_key(keys: Sequence[str]) -> str:
    """One name for many."""
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()
