"""Waits for the peer's outcomes of deliveries."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial

from local.emulators.servicebus.amqp.outcomes import Outcome, read_outcome
from local.emulators.servicebus.amqp.performatives import Disposition

#: Outcomes by delivery id.
type Outcomes = dict[int, Outcome]


class _Range:
    """Deliveries that are settled together."""

    __slots__ = ("done", "left", "outcomes")

    def __init__(self, number: int) -> None:
        self.left = number
        self.outcomes: Outcomes = {}
        self.done: asyncio.Future[Outcomes] = asyncio.get_running_loop().create_future()


class Settlements:
    """Delivery ids whose outcome is awaited."""

    def __init__(self) -> None:
        self._waiting: dict[int, _Range] = {}

    def __repr__(self) -> str:
        return f"<Settlements {len(self._waiting)} waiting>"

    def __len__(self) -> int:
        return len(self._waiting)

    def expect(self, first: int, last: int) -> asyncio.Future[Outcomes]:
        """The outcomes of a range, once the peer has settled all of it. Raises ConnectionError."""
        settled = _Range(last - first + 1)
        settled.done.add_done_callback(partial(self._on_done, range(first, last + 1), settled))
        self._waiting.update(dict.fromkeys(range(first, last + 1), settled))
        return settled.done

    def _on_done(self, numbers: range, settled: _Range, done: asyncio.Future[Outcomes]) -> None:
        if done.cancelled():  # its waiter is gone: the outcomes are nobody's
            for number in numbers:
                if self._waiting.get(number) is settled:
                    del self._waiting[number]
        else:
            done.exception()  # perhaps nobody awaits it

    def on_disposition(self, disposition: Disposition) -> None:
        if not disposition.settled and not disposition.role:
            return
        state = None if disposition.state is None else read_outcome(disposition.state)
        for number in self._waiting_between(disposition.first, disposition.last):
            waiting = self._waiting.pop(number)
            if state is not None:
                waiting.outcomes[number] = state
            waiting.left -= 1
            if not waiting.left and not waiting.done.done():
                waiting.done.set_result(waiting.outcomes)

    def _waiting_between(self, first: int, last: int | None) -> list[int]:
        last = first if last is None else last
        # A peer's range may be of any size.
        if last - first < len(self._waiting):
            return [each for each in range(first, last + 1) if each in self._waiting]
        return [each for each in self._waiting if first <= each <= last]

    def fail(self, error: Exception, numbers: Iterable[int] | None = None) -> None:
        """End the waits for these deliveries, or for all."""
        failed = self._waiting.keys() if numbers is None else self._waiting.keys() & numbers
        for number in list(failed):
            done = self._waiting.pop(number).done
            if not done.done():
                done.set_exception(error)
