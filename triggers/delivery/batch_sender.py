"""Sends messages of many tasks to a queue: all that wait go together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self

from triggers.bus_entity import BusEntity
from triggers.delivery.output_queue import Outgoing, QueueSender, is_of_all_messages

#: Messages in one call: some 30 KB of small documents, many transfers of large ones.
MAX_TOGETHER = 500

#: A message, and what its sender awaits.
type _Waiting = tuple[Outgoing, asyncio.Future[None]]


class BatchSender:
    """`send_all` sends messages, or raises. It blocks, and runs in a thread of its own.

    For one event loop.
    """

    def __init__(
        self,
        send_all: Callable[[Sequence[Outgoing]], None],
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self._send_all, self._close = send_all, close
        self._waiting: list[_Waiting] = []
        #: Those of the call that runs.
        self._batch: list[_Waiting] = []
        self._sending: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sender")

    @classmethod
    def to(cls, env: Mapping[str, str], entity: BusEntity) -> Self:
        """To a queue or topic of the app's namespace, whose connection is in `env`."""
        sender = QueueSender(env, entity)
        return cls(sender.send_all, sender.close)

    def __repr__(self) -> str:
        return f"<BatchSender {len(self._waiting)} waiting>"

    async def send(self, message: Outgoing) -> None:
        """Return once the queue has the message. Raises what `send_all` raises."""
        accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((message, accepted))
        if self._sending is None:
            self._start()
        await accepted

    async def close(self) -> None:
        if self._sending is not None:
            await asyncio.wait([self._sending])
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    def _start(self) -> None:
        self._sending = asyncio.create_task(self._send_waiting())
        # Not a `finally` in the task: one that is cancelled before its first step never runs.
        self._sending.add_done_callback(self._sending_ended)

    async def _send_waiting(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MAX_TOGETHER], self._waiting[MAX_TOGETHER:]
            # A sender may have given up.
            self._batch = [each for each in batch if not each[1].done()]
            await self._send_together(self._batch)
            self._batch = []

    def _sending_ended(self, task: asyncio.Task[None]) -> None:
        """Fail all that wait if the task failed. Start another one if there are new ones."""
        self._sending = None
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None:
            failure = ConnectionAbortedError(f"sending ended: {type(error).__name__}")
            for _, accepted in (*self._batch, *self._waiting):
                _end(accepted, failure)
            self._batch, self._waiting = [], []
        elif self._waiting:
            self._start()

    async def _send_together(self, batch: list[_Waiting]) -> None:
        if not batch:
            return
        failure = await self._try_to_send([message for message, _ in batch])
        if failure is not None and len(batch) > 1 and not is_of_all_messages(failure):
            # One is too large, or may not be in a batch. The others are not affected.
            for message, accepted in batch:
                _end(accepted, await self._try_to_send([message]))
        for _, accepted in batch:
            _end(accepted, failure)

    async def _try_to_send(self, messages: Sequence[Outgoing]) -> Exception | None:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, self._send_all, messages)
        except Exception as error:  # noqa: BLE001 - its callers handle it
            return error
        return None


def _end(accepted: asyncio.Future[None], failure: Exception | None) -> None:
    if accepted.done():
        return
    if failure is None:
        accepted.set_result(None)
    else:
        accepted.set_exception(failure)
